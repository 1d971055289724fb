import type { OpenAPIObject } from '@nestjs/swagger';
import { methods } from '../test/setup/contract';

type OperationObject = NonNullable<OpenAPIObject['paths'][string]['get']>;
type ParameterObject = Exclude<NonNullable<OperationObject['parameters']>[number], { $ref: string }>;
type AnySchema = NonNullable<ParameterObject['schema']>;
type SchemaObject = Exclude<AnySchema, { $ref: string }>;

/*
 * The largest requests of each route of the OpenAPI document: those that its schemas allow, and those that must be refused
 * cheaply.
 */

export interface BenchRequest {
  route: string;
  /** What is large. */
  name: string;
  isLegal: boolean;
  method: string;
  /** Path and query, as they are sent. */
  target: string;
  headers: Record<string, string>;
  body?: string;
}

/** Values for path parameters and for ids in bodies, by the name of the collection or the parameter. */
export type IdOf = (name: string, method: string) => string;

/** Characters that are expensive in one way or another: UTF-8, normalization, case folding, JSON. */
const characters = {
  '4-byte characters': '🪨',
  'combining marks': '\u0301',
  'characters that become longer in lower case': 'İ',
  'characters that become longer when normalized': '\ufdfa',
  'control characters': '\u0001',
  'white space': ' ',
};

const [ordinaryBytes, largeBytes, headerBytes] = [64 * 1024, 1024 * 1024, 15_000];

/** Fields that contradict others, or that need the password. */
const excluded = [
  ...['parent_goal_id', 'parent_task_id', 'completed', 'actual_hours', 'ended_at', 'progress_mode'],
  ...['current_password', 'is_superuser'],
];

export function requestsOf(document: OpenAPIObject, idOf: IdOf): BenchRequest[] {
  return Object.entries(document.paths).flatMap(([path, item]) => {
    const original = path.replace('/users/{user_id}', '');
    const isMirror = original !== path && original in document.paths;
    if (isMirror && !path.endsWith('/tasks')) return [];
    return methods.flatMap((method) => {
      const operation = item[method];
      return operation ? new Route(document, path, method, operation, idOf).requests() : [];
    });
  });
}

class Route {
  private readonly schema: SchemaObject | undefined;
  private readonly queryParameters: (ParameterObject & { name: string })[];
  private readonly maxBytes: number;

  constructor(
    private readonly document: OpenAPIObject,
    private readonly path: string,
    private readonly method: string,
    operation: OperationObject,
    private readonly idOf: IdOf,
  ) {
    const { requestBody, parameters = [] } = operation;
    const content = requestBody && 'content' in requestBody ? requestBody.content : undefined;
    const schema = content?.['application/json']?.schema;
    this.schema = schema && this.resolve(schema);
    this.queryParameters = (parameters as ParameterObject[]).filter((parameter) => parameter.in === 'query');
    this.maxBytes = path.endsWith('/batch') ? largeBytes : ordinaryBytes;
  }

  requests(): BenchRequest[] {
    return [...this.illegal(), ...this.legal()];
  }

  private legal(): BenchRequest[] {
    return Object.entries(characters).flatMap(([name, character], index) => {
      const queries = index === 0 ? this.queries(character) : this.queries(character).slice(-1);
      return queries.map((query) => this.request(name, true, { query, body: this.largest(character) }));
    });
  }

  private illegal(): BenchRequest[] {
    const body = this.schema && this.largest('x');
    const queries = {
      'unknown parameters': numbers(3000)
        .map((n) => `p${n}`)
        .join('&'),
      'one parameter 3,000 times': repeated('q=a&', headerBytes),
      separators: repeated('&=', headerBytes),
      'nested parameters': `q${repeated('[a]', headerBytes)}=1`,
      'invalid escapes': `q=${repeated('%', headerBytes)}`,
      'plus signs': `q=${repeated('+', headerBytes)}`,
      'inherited names': '__proto__=1&constructor=1',
      ...Object.fromEntries(
        this.queryParameters.flatMap(({ name }) =>
          [',', '%CC%81', '-', '1', 'a,'].map((part) => [
            `${name}=${part}…`,
            `${name}=${repeated(part, headerBytes)}`,
          ]),
        ),
      ),
    };
    const headers: Record<string, Record<string, string>> = {
      'a long token': { authorization: `Bearer ${repeated('a', headerBytes)}` },
      'a token of many parts': { authorization: `Bearer ${repeated('a.', headerBytes)}` },
      'a token with a large header': {
        authorization: `Bearer ${base64(`{"alg":"HS256","kid":"${repeated('k', 5000)}"}`)}.${base64(`{"sub":"${repeated('s', 5000)}"}`)}.x`,
      },
      'a token of white space': { authorization: `Bearer${repeated(' ', headerBytes)}x` },
      'a garbage personal token': { authorization: `Bearer cairn_${repeated('a', headerBytes)}` },
      'many media types': { accept: repeated('a/b;q=0.1,', headerBytes) },
      'many encodings': { 'accept-encoding': repeated('gzip;q=0.1,', headerBytes) },
      'a long content type': { 'content-type': `application/json;${repeated(' ', headerBytes)}x` },
      'many charsets': { 'content-type': `application/json;${repeated('charset=', headerBytes)}` },
      'many entity tags': { 'if-match': repeated('W/"1",', headerBytes), 'if-none-match': '*' },
      'many cookies': { cookie: repeated('a=b;', headerBytes) },
      'many proxies': { 'x-forwarded-for': repeated('1.2.3.4,', headerBytes) },
      'many headers': Object.fromEntries(numbers(1500).map((n) => [`h${n}`, ''])),
      'a long origin': {
        origin: `http://${repeated('a.', headerBytes)}`,
        'access-control-request-headers': 'a',
      },
    };
    const paths: Record<string, string> = this.path.includes('{')
      ? {
          'a long id': repeated('a', headerBytes),
          'an id of escapes': repeated('%CC%81', headerBytes),
          'an id of invalid escapes': repeated('%', headerBytes),
          'an id of slashes': repeated('/', headerBytes),
        }
      : {};
    return [
      ...Object.entries(queries).map(([name, query]) => this.request(name, false, { query, body })),
      ...Object.entries(headers).map(([name, header]) =>
        this.request(name, false, { headers: header, body }),
      ),
      ...Object.entries(paths).map(([name, id]) =>
        this.request(name, false, { path: this.path.replace(/\{\w+\}/g, () => id), body }),
      ),
      ...(this.method === 'get'
        ? []
        : Object.entries(this.illegalBodies()).map(([name, text]) =>
            this.request(name, false, { body: text }),
          )),
    ];
  }

  private illegalBodies(): Record<string, string> {
    const max = this.maxBytes;
    const fill = (before: string, part: string, last: string, after: string) =>
      before + repeated(part, max - before.length - last.length - after.length) + last + after;
    const properties = Object.entries(this.schema?.properties ?? {});
    const data = this.path.endsWith('/batch')
      ? '{"operations":[{"op":"create","data":{"title":"x","tags":'
      : '{"tags":';
    const end = data.startsWith('{"o') ? '}}]}' : '}';
    return {
      'empty arrays': fill('{"a":[', '[],', '[]', ']}'),
      'empty objects': fill('{"operations":[', '{},', '{}', ']}'),
      'an array of empty arrays': fill('[', '[],', '[]', ']'),
      'depth 3,000': `{"a":${'['.repeat(3000)}${']'.repeat(3000)}}`,
      'open brackets': fill('', '[', '[', ''),
      '60,000 keys': `{${numbers(60_000)
        .map((n) => `"k${n}":1`)
        .join(',')}}`.slice(0, max),
      '1,000 unknown keys': `{${numbers(1000)
        .map((n) => `"key${n}":1`)
        .join(',')}}`,
      '5,000 values': `{"a":[${'1,'.repeat(4990)}1]}`,
      '4,990 tags': `${data}[${numbers(4990)
        .map((n) => `"${n}"`)
        .join(',')}]${end}`,
      '100,000 tags': `${data}[${numbers(100_000)
        .map((n) => `"${n}"`)
        .join(',')}]${end}`,
      '40 long tags': `${data}[${numbers(40)
        .map((n) => `"${n}${repeated('\u0301', max / 50)}"`)
        .join(',')}]${end}`,
      'operations with 1,000 unknown keys': `{"operations":[${numbers(4)
        .map(
          () =>
            `{"op":"create","data":{${numbers(1000)
              .map((n) => `"key${n}":1`)
              .join(',')}}}`,
        )
        .join(',')}]}`,
      escapes: fill('{"title":"', '\\u0301', '', '"}'),
      'escaped quotes': fill('{"title":"', '\\"', '', '"}'),
      'long key': fill('{"', '\u0301', '', '":1}').slice(0, max / 2),
      'white space': fill('', ' ', '{}', ''),
      digits: fill('{"priority":', '9', '9', '}'),
      '2 MB': `{"title":"${'x'.repeat(2_000_000)}"}`,
      ...Object.fromEntries(
        properties.flatMap(([name]) =>
          ['\u0301', ' ', 'İ', '\ufdfa', '\u200d', '0', '@', 'a.', '-'].map((character) => [
            `${name} of ${JSON.stringify(character)}`,
            JSON.stringify({ ...this.smallest(), [name]: `a${repeated(character, 60_000)}b` }),
          ]),
        ),
      ),
    };
  }

  /** The required fields only. */
  private smallest(): object {
    const value = this.schema ? (this.value(this.schema, 'x', 0, '') as Record<string, unknown>) : {};
    return Object.fromEntries((this.schema?.required ?? []).map((name) => [name, value[name]]));
  }

  /** The largest body that the schema allows. */
  private largest(character: string): string | undefined {
    if (!this.schema) return undefined;
    for (let fraction = 1; ; fraction *= 0.9) {
      const text = JSON.stringify(this.value(this.schema, character, fraction, ''));
      if (Buffer.byteLength(text) <= this.maxBytes) return text;
    }
  }

  private queries(character: string): string[] {
    if (this.queryParameters.length === 0) return [''];
    const all = this.queryParameters.map(
      (parameter) => [parameter.name, this.parameter(parameter, character)] as const,
    );
    const encoded = (pairs: (readonly [string, string])[]) =>
      pairs.map(([name, text]) => `${name}=${encodeURIComponent(text)}`).join('&');
    const base = all.filter(([name]) => ['limit', 'include', 'sort', 'days'].includes(name));
    const single = all.filter(([name]) => !['limit', 'include', 'sort', 'days', 'cursor'].includes(name));
    return [
      encoded(base),
      ...single.map((pair) => encoded([...base, pair])),
      encoded([...base, ...single])
        .slice(0, headerBytes)
        .replace(/%.?$/, ''),
    ];
  }

  private parameter({ name, description = '', schema }: ParameterObject, character: string): string {
    const { type, maximum, maxLength, enum: allowed } = schema as SchemaObject;
    const list = /(?:each one of|sort fields:) ([^.]*)\./.exec(description)?.[1]?.split(', ');
    if (name === 'sort') return list!.map((column, index) => (index % 2 ? '-' : '') + column).join(',');
    if (list)
      return numbers(100)
        .map((n) => list[n % list.length])
        .join(',');
    if (allowed) return String(allowed[0]);
    if (type === 'boolean') return 'true';
    if (type === 'integer') return String(maximum);
    if (maxLength) return `a${character.repeat(Math.min(maxLength - 2, 190))}b`;
    if (description.includes('ids'))
      return numbers(100)
        .map(() => this.idOf('tasks', 'get'))
        .join(',');
    if (description.includes('omma-separated'))
      return numbers(100)
        .map((n) => `${n}${character.repeat(8)}x`)
        .join(',');
    return '2020-01-01T00:00:00.000Z';
  }

  private value(given: AnySchema, character: string, fraction: number, name: string): unknown {
    const schema = this.resolve(given);
    const text = (max: number) => `a${character.repeat(Math.max(0, Math.floor((max - 4) * fraction)))}b`;
    if (schema.anyOf ?? schema.oneOf)
      return this.value((schema.anyOf ?? schema.oneOf)![0]!, character, fraction, name);
    if (schema.format === 'uuid') return this.idOf(name, this.method);
    if (schema.format === 'idn-email' && this.method !== 'post') return undefined;
    if (schema.format === 'idn-email') return `${text(230)}@example.com`;
    if (schema.enum) return schema.enum[0];
    if (schema.pattern) return schema.example;
    if (name === 'timezone') return 'America/Argentina/ComodRivadavia';
    switch (schema.type as string) {
      case 'boolean':
        return true;
      case 'integer':
      case 'number':
        return schema.maximum ?? 1;
      case 'array': {
        const items = this.resolve(schema.items!);
        if (items.enum) return items.enum;
        return numbers(schema.maxItems ?? 10).map((n) =>
          items.type === 'string'
            ? `${n}${text((items.maxLength ?? 50) - 4)}`
            : this.value(items, character, fraction, ''),
        );
      }
      case 'object': {
        if (!schema.properties)
          return deepJson(text(Math.floor(15_000 / Math.max(1, JSON.stringify(character).length - 2))));
        const fields = Object.entries(schema.properties).filter(([field]) => !excluded.includes(field));
        return Object.fromEntries(
          fields.map(([field, inner]) => [field, this.value(inner, character, fraction, field)]),
        );
      }
    }
    return schema.maxLength
      ? text(schema.maxLength)
      : (schema.example ?? '2026-12-31T17:00:00.123456789+14:00');
  }

  private resolve(schema: AnySchema): SchemaObject {
    if (!('$ref' in schema)) return schema;
    return this.resolve(this.document.components!.schemas![schema.$ref.split('/').at(-1)!]!);
  }

  private request(
    name: string,
    isLegal: boolean,
    {
      query = '',
      headers = {},
      body,
      path = this.fillPath(),
    }: { query?: string; headers?: Record<string, string>; body?: string; path?: string },
  ): BenchRequest {
    const route = `${this.method.toUpperCase()} ${this.path.replace('/api/v1', '')}`;
    return {
      route,
      name,
      isLegal,
      method: this.method.toUpperCase(),
      target: query ? `${path}?${query}` : path,
      headers,
      body,
    };
  }

  private fillPath(): string {
    return this.path.replace(
      /([\w-]+)\/\{(\w+)\}/g,
      (_match, collection: string) => `${collection}/${this.idOf(collection, this.method)}`,
    );
  }
}

/** JSON as deep as bodies can be, with many keys. */
function deepJson(text: string): object {
  let inner: object = { text };
  for (let depth = 0; depth < 27; depth++) inner = depth % 2 ? { inner } : [inner];
  return { inner, ...Object.fromEntries(numbers(400).map((n) => [`k${n}`, n])) };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** As many copies of the part as have at most this many bytes. */
function repeated(part: string, bytes: number): string {
  return part.repeat(Math.max(0, Math.floor(bytes / Buffer.byteLength(part))));
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64url');
}
