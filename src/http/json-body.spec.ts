import { Problem } from '../core/problem';
import { acceptJsonBodies, parseJsonBody } from './json-body';

const max = { keys: 10, values: 20, depth: 32 };

/** The problem of a body, as its status and code, or those of its first field error. */
function problemOf(body: Buffer | string, limits = max): [status: number, code: string] {
  try {
    parseJsonBody(Buffer.from(body as string), limits);
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    const { status, code, errors } = error as Problem;
    return [status, errors ? errors[0]!.code : code];
  }
  throw new Error('The body was accepted.');
}

describe('parseJsonBody', () => {
  it('returns undefined for an empty body', () => {
    expect(parseJsonBody(Buffer.alloc(0), max)).toBeUndefined();
  });

  it.each<[string, object]>([
    ['{}', {}],
    [' \r\n{"title"\t:"x"} ', { title: 'x' }],
    ['{"title":"🪨 مرحبا \\u202e e\u0301"}', { title: '🪨 مرحبا \u202e e\u0301' }],
    ['{"a":[1,-0.5,1e3,true,null,{"b":""}]}', { a: [1, -0.5, 1000, true, null, { b: '' }] }],
    ['{"a":"\\u0000\\ud800"}', { a: '\0\ud800' }], // refused by the rules for text, with the name of the field
    ['\ufeff{"title":"x"}', { title: 'x' }], // a byte order mark is allowed
  ])('returns the object of %j', (text, expected) => {
    expect(parseJsonBody(Buffer.from(text), max)).toEqual(expected);
  });

  it.each<[string, Buffer]>([
    ['a byte that never occurs', Buffer.from('{"a":"\xff"}', 'latin1')],
    ['Latin-1', Buffer.from('{"a":"é"}', 'latin1')],
    ['an overlong form', Buffer.from('{"a":"\xc0\xaf"}', 'latin1')],
    ['an encoded surrogate', Buffer.from('{"a":"\xed\xa0\x80"}', 'latin1')],
    ['a code point above U+10FFFF', Buffer.from('{"a":"\xf4\x90\x80\x80"}', 'latin1')],
    ['a character that is cut off', Buffer.from('{"a":"🪨"}').subarray(0, 8)],
    ['UTF-16 with a byte order mark', Buffer.from('\ufeff{"a":1}', 'utf16le')],
    ['gzip', Buffer.from([0x1f, 0x8b, 0x08, 0x00])],
  ])('refuses %s: it is no UTF-8', (_what, body) => {
    expect(problemOf(body)).toEqual([400, 'malformed_body']);
    expect(() => parseJsonBody(body, max)).toThrow('The request body is not valid UTF-8.');
  });

  it.each<[string, Buffer | string]>([
    ['white space', ' \n'],
    ['a body that is cut off', '{"title":'],
    ['two values', '{}{}'],
    ['a trailing comma', '{"a":1,}'],
    ['single quotes', "{'a':1}"],
    ['a name without quotes', '{a:1}'],
    ['a comment', '{"a":1/**/}'],
    ['NaN', '{"a":NaN}'],
    ['a hexadecimal number', '{"a":0x10}'],
    ['a leading zero', '{"a":01}'],
    ['a line break in a string', '{"a":"\n"}'],
    ['U+0000', '{"a":1}\0'],
    ['UTF-16 without a byte order mark', Buffer.from('{"a":1}', 'utf16le')],
    ['a form', 'title=x'],
    ['100,000 open brackets', '['.repeat(100_000)],
    ['an invalid escape in a key', '{"\\x":1}'],
    ['a key that is cut off', '{"a'],
  ])('refuses %s: it is no JSON', (_what, body) => {
    expect(problemOf(body)).toEqual([400, 'malformed_body']);
    expect(() => parseJsonBody(Buffer.from(body as string), max)).toThrow(
      'The request body is not valid JSON.',
    );
  });

  it.each([
    'null',
    'true',
    '1',
    '1e400',
    '""',
    '"{}"',
    '[]',
    '[{"title":"x"}]',
    '['.repeat(5000) + ']'.repeat(5000),
    ` [${'{"a":1},'.repeat(1000)}{}]\n`,
  ])('refuses a value that is no object (%#)', (text) => {
    expect(problemOf(text)).toEqual([422, 'type']);
  });

  it.each([
    ['{"a":1,"a":2}', 'duplicate_key'],
    ['{"__proto__":{"is_superuser":true}}', 'unknown_field'],
    [`{"a":${'['.repeat(3000)}${']'.repeat(3000)}}`, 'too_deep'],
    ['{"a":1,"b":2,"c":{"d":1}}', 'too_many_keys'],
    [`{"a":[${'[],'.repeat(40)}[]]}`, 'too_many_values'],
  ])('refuses keys that checkJsonKeys refuses (%#)', (text, code) => {
    expect(problemOf(text, { keys: 3, values: 40, depth: 32 })).toEqual([422, code]);
  });

  it('does not repeat the body in its errors', () => {
    const body = Buffer.from('{"password":hunter2}');
    expect(() => parseJsonBody(body, max)).toThrow(/^The request body is not valid JSON\.$/);
  });
});

it('large bodies that arrive together are parsed in different turns of the event loop', async () => {
  type Parse = (request: object, body: Buffer) => Promise<object>;
  let parse!: Parse;
  acceptJsonBodies({
    removeAllContentTypeParsers: () => undefined,
    addHook: () => undefined,
    addContentTypeParser: (_type: RegExp, _options: object, parser: Parse) => (parse = parser),
  } as never);
  let turn = 0;
  let isDone = false;
  const countTurns = () => {
    turn++;
    if (!isDone) setImmediate(countTurns);
  };
  countTurns();
  const body = Buffer.from(JSON.stringify({ title: 'x'.repeat(500_000) }));
  const request = { headers: {}, routeOptions: { config: {} } };
  const turns = await Promise.all(Array.from({ length: 5 }, () => parse(request, body).then(() => turn)));
  isDone = true;
  expect(new Set(turns).size).toBe(5);
});
