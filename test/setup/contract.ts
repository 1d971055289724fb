import Ajv, { ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { OpenAPIObject } from '@nestjs/swagger';

export const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

export interface Answer {
  status: number;
  type: string;
  text: string;
  body: unknown;
}

/** The OpenAPI document, as the judge of what the API answers. */
export class Contract {
  private readonly ajv = new Ajv({ strict: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();

  constructor(readonly document: OpenAPIObject) {
    addFormats(this.ajv);
    this.ajv.addFormat('idn-email', /^[^@\s]+@[^@\s]+$/);
    this.ajv.addSchema(document, 'openapi');
  }

  /** Throws when the document does not allow the answer. */
  check(method: string, url: string, answer: Answer): void {
    const path = this.pathOf(url);
    const operation = path && this.document.paths[path]?.[method.toLowerCase() as 'get'];
    const said = `${method} ${url} answered ${answer.status}`;
    if (!operation) {
      // Where there is no operation there is only a problem.
      this.validate('#/components/schemas/Problem', answer.body, said);
      return;
    }
    const response = operation.responses[answer.status];
    if (!response) throw new Error(`${said}, which the document does not mention: ${answer.text}`);
    const content = 'content' in response ? response.content : undefined;
    if (!content) {
      if (answer.text !== '')
        throw new Error(`${said} with a body, where the document has none: ${answer.text}`);
      return;
    }
    const type = Object.keys(content)[0]!;
    if (answer.type !== type) throw new Error(`${said} as ${answer.type}, where the document has ${type}`);
    const pointer = [
      'paths',
      path,
      method.toLowerCase(),
      'responses',
      String(answer.status),
      'content',
      type,
      'schema',
    ];
    const body = type.startsWith('text/') ? answer.text : answer.body;
    this.validate(`#/${pointer.map(escape).join('/')}`, body, said);
  }

  /** Throws when the document does not allow the request. */
  checkRequest(path: string, method: string, body: object): void {
    const pointer = ['paths', path, method, 'requestBody', 'content', 'application/json', 'schema'].map(
      escape,
    );
    this.validate(`#/${pointer.join('/')}`, body, `The example of ${method} ${path} is`);
  }

  private validate(pointer: string, body: unknown, said: string): void {
    let validate = this.validators.get(pointer);
    if (!validate) this.validators.set(pointer, (validate = this.ajv.compile({ $ref: `openapi${pointer}` })));
    if (validate(body)) return;
    const flaws = validate.errors?.map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
    throw new Error(`${said}, not as the document has it:\n${flaws?.join('\n')}\n${JSON.stringify(body)}`);
  }

  private pathOf(url: string): string | undefined {
    const parts = url.split('?')[0]!.split('/');
    const matches = Object.keys(this.document.paths).filter((path) => {
      const wanted = path.split('/');
      return (
        wanted.length === parts.length &&
        wanted.every((part, index) => part.startsWith('{') || part === parts[index])
      );
    });
    // /users/me before /users/{user_id}
    return matches.sort((a, b) => a.split('{').length - b.split('{').length)[0];
  }
}

/** A part of a JSON pointer in a URI (RFC 6901). */
function escape(part: string): string {
  return encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'));
}
