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

  /**
   * Checks a response, and the request if it succeeded. A request that was refused, even in part, can be wrong in any way.
   * @throws Error for a response or a request that the document does not describe
   */
  check(method: string, url: string, actual: ApiResponse, request?: { body?: object }): void {
    const path = this.pathOf(url);
    const operation = path && this.operationOf(path, method);
    const call = `${method} ${url} returned ${actual.status}`;
    if (!operation) {
      // Without an operation, only a problem is possible.
      this.validate('#/components/schemas/Problem', actual.body, call);
      return;
    }
    this.checkResponse(operation, path, url, actual, call);
    if (!request || actual.status === 207 || actual.status >= 300) return;
    this.checkQuery(operation, url, call);
    if (request.body && Object.keys(request.body).length) this.checkRequest(path, method, request.body, call);
  }

  /** @throws Error for a request body that the document does not allow */
  checkRequest(path: string, method: string, body: object, call = `The example of ${method} ${path}`): void {
    const operation = this.operationOf(path, method);
    if (!operation?.requestBody) throw new Error(`${call}, but the document describes no body`);
    const pointer = [
      ...operationPointer(path, method),
      'requestBody',
      'content',
      'application/json',
      'schema',
    ];
    this.validate(pointerOf(pointer), JSON.parse(JSON.stringify(body)), call);
  }

  /** @throws Error for problem details that the document does not allow */
  checkProblem(problem: object): void {
    this.validate('#/components/schemas/Problem', problem, 'The problem');
  }

  private operationOf(path: string, method: string): Operation | undefined {
    return this.document.paths[path]?.[method.toLowerCase() as 'get'];
  }

  private checkResponse(
    operation: Operation,
    path: string,
    url: string,
    actual: ApiResponse,
    call: string,
  ): void {
    const method = call.split(' ')[0]!;
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
    const pointer = [...operationPointer(path, method), 'responses', String(actual.status), 'content', type];
    const body = type.startsWith('text/') ? actual.text : actual.body;
    const fields = new URL(url, 'http://cairn').searchParams.get('fields')?.split(',');
    if (fields && actual.status < 300) this.checkFields(content[type]!.schema as Schema, fields, body, call);
    else this.validate(pointerOf([...pointer, 'schema']), body, call);
    if (type !== 'application/problem+json') return;
    const codes = Object.keys(content[type]!.examples ?? {});
    // The mirrors of operations under /users/{user_id} have one more problem.
    if (path.includes('{user_id}')) codes.push('forbidden');
    const { code } = body as { code: string };
    if (!codes.includes(code))
      throw new Error(`${call} with the code ${code}, but the document lists ${codes.join()}`);
  }

  /** Checks a response of which the client has requested only some fields: it must have exactly these. */
  private checkFields(schema: Schema, fields: string[], body: unknown, call: string): void {
    const reduced = this.withFields(schema, fields);
    const validate = this.validatorOf(JSON.stringify(reduced), {
      ...reduced,
      components: this.document.components,
    });
    if (!validate(body)) throw mismatch(call, validate, body);
  }

  /** The schema of a resource, or of a page of resources, with only these fields. */
  private withFields(schema: Schema, fields: string[]): Schema {
    const name = schema.$ref?.split('/').at(-1);
    const { properties = {}, ...rest } = (name ? this.document.components!.schemas![name] : schema) as Schema;
    const items = properties.items?.items;
    if (items) {
      const page = { ...properties, items: { ...properties.items, items: this.withFields(items, fields) } };
      return { ...rest, properties: page };
    }
    const kept = Object.entries(properties).filter(([property]) => fields.includes(property));
    return { ...rest, properties: Object.fromEntries(kept), required: fields };
  }

  private checkQuery(operation: Operation, url: string, call: string): void {
    for (const [name, text] of new URL(url, 'http://cairn').searchParams) {
      const parameters = operation.parameters as { name: string; in: string; schema: ParameterSchema }[];
      const parameter = parameters.find((one) => one.in === 'query' && one.name === name);
      if (!parameter) throw new Error(`${call}, but the document does not describe the parameter ${name}`);
      const key = `${name} ${JSON.stringify(parameter.schema)}`;
      const validate = this.validatorOf(key, parameter.schema);
      const value = parseParameter(text, parameter.schema);
      if (!validate(value)) throw mismatch(`The parameter ${name} of ${call}`, validate, value);
    }
  }

  private validate(pointer: string, body: unknown, subject: string): void {
    const validate = this.validatorOf(pointer, { $ref: `openapi${pointer}` });
    if (!validate(body)) throw mismatch(subject, validate, body);
  }

  private validatorOf(key: string, schema: object): ValidateFunction {
    let validate = this.validators.get(key);
    if (!validate) this.validators.set(key, (validate = this.ajv.compile(schema)));
    return validate;
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

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  required?: string[];
}

interface ParameterSchema {
  type?: string;
  items?: ParameterSchema;
}

/** Parses the text of a query parameter, as its schema says. */
function parseParameter(text: string, { type, items }: ParameterSchema): unknown {
  if (type === 'array') return text.split(',').map((item) => parseParameter(item, items!));
  if (type === 'integer' && /^\d+$/.test(text)) return Number(text);
  if (type === 'boolean' && ['true', 'false'].includes(text)) return text === 'true';
  return text;
}

function mismatch(subject: string, { errors }: ValidateFunction, value: unknown): Error {
  const lines = errors?.map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
  return new Error(`${subject} does not match its schema:\n${lines?.join('\n')}\n${JSON.stringify(value)}`);
}

function operationPointer(path: string, method: string): string[] {
  return ['paths', path, method.toLowerCase()];
}

function pointerOf(parts: string[]): string {
  return `#/${parts.map(escape).join('/')}`;
}

/** Escapes one part of a JSON pointer in a URI (RFC 6901). */
function escape(part: string): string {
  return encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'));
}
