import Ajv, { ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { OpenAPIObject } from '@nestjs/swagger';

export const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

export interface ApiResponse {
  status: number;
  type: string;
  text: string;
  body: unknown;
}

/** Validates requests and responses against the OpenAPI document. */
export class Contract {
  private readonly ajv = new Ajv({ strict: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();

  constructor(readonly document: OpenAPIObject) {
    addFormats(this.ajv);
    this.ajv.addFormat('idn-email', /^[^@\s]+@[^@\s]+$/);
    this.ajv.addSchema(document, 'openapi');
  }

  /** @throws Error for a response that the document does not describe */
  check(method: string, url: string, actual: ApiResponse): void {
    const path = this.pathOf(url);
    const operation = path && this.document.paths[path]?.[method.toLowerCase() as 'get'];
    const call = `${method} ${url} returned ${actual.status}`;
    if (!operation) {
      // Without an operation, only a problem is possible.
      this.validate('#/components/schemas/Problem', actual.body, call);
      return;
    }
    const response = operation.responses[actual.status];
    if (!response) throw new Error(`${call}, which the document does not list: ${actual.text}`);
    const content = 'content' in response ? response.content : undefined;
    if (!content) {
      if (actual.text !== '')
        throw new Error(`${call} with a body, but the document describes none: ${actual.text}`);
      return;
    }
    const type = Object.keys(content)[0]!;
    if (actual.type !== type)
      throw new Error(`${call} as ${actual.type}, but the document describes ${type}`);
    const pointer = [
      'paths',
      path,
      method.toLowerCase(),
      'responses',
      String(actual.status),
      'content',
      type,
      'schema',
    ];
    const body = type.startsWith('text/') ? actual.text : actual.body;
    this.validate(`#/${pointer.map(escape).join('/')}`, body, call);
  }

  /** @throws Error for a request body that the document does not allow */
  checkRequest(path: string, method: string, body: object): void {
    const pointer = ['paths', path, method, 'requestBody', 'content', 'application/json', 'schema'].map(
      escape,
    );
    this.validate(`#/${pointer.join('/')}`, body, `The example of ${method} ${path}`);
  }

  private validate(pointer: string, body: unknown, subject: string): void {
    let validate = this.validators.get(pointer);
    if (!validate) this.validators.set(pointer, (validate = this.ajv.compile({ $ref: `openapi${pointer}` })));
    if (validate(body)) return;
    const errors = validate.errors?.map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
    throw new Error(`${subject} does not match its schema:\n${errors?.join('\n')}\n${JSON.stringify(body)}`);
  }

  private pathOf(url: string): string | undefined {
    const parts = url.split('?')[0]!.split('/');
    const matches = Object.keys(this.document.paths).filter((path) => {
      const expected = path.split('/');
      return (
        expected.length === parts.length &&
        expected.every((part, index) => part.startsWith('{') || part === parts[index])
      );
    });
    // /users/me before /users/{user_id}
    return matches.sort((a, b) => a.split('{').length - b.split('{').length)[0];
  }
}

/** Escapes one part of a JSON pointer in a URI (RFC 6901). */
function escape(part: string): string {
  return encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'));
}
