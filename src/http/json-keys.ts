import { FieldErrorCode, invalid, Problem } from '../core/problem';

/** In one object: class-transformer compares each key with all others. */
const maxKeysOfObject = 1000;

/** Whether a name is a property of every object. class-transformer would silently drop such a field. */
export function isForbiddenKey(name: string): boolean {
  return name in Object.prototype || name === 'prototype';
}

/**
 * Checks the size and the keys of JSON text before it is parsed, because parsing and validating many small values blocks
 * the process, and because JSON.parse would silently keep only the last of several equal keys.
 * @param max the number of keys, of values (objects, arrays, strings, numbers, booleans and nulls), and of nested levels
 * @throws Problem 422 for text that is nested too deeply, has too many keys or values, or has a duplicate or forbidden key
 * · SyntaxError for some texts that are not JSON
 */
export function checkJsonKeys(text: string, max: { keys: number; values: number; depth: number }): void {
  const open: (Set<string> | undefined)[] = []; // the keys of each open object; undefined for an array
  let keyCount = 0;
  let valueCount = 0;
  let isKeyNext = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '}' || char === ']') {
      open.pop();
      isKeyNext = false;
    } else if (char === ',') {
      isKeyNext = open.at(-1) !== undefined;
    } else if (char === '"' && isKeyNext) {
      const end = endOfString(text, at);
      const quoted = text.slice(at, end + 1);
      const key = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
      const keys = open.at(-1)!;
      if (keys.has(key)) throw keyError(key, 'duplicate_key', 'appears more than once');
      if (isForbiddenKey(key)) throw keyError(key, 'unknown_field', 'is not allowed as a field name');
      if (++keyCount > max.keys) {
        throw keyError('', 'too_many_keys', `The request body has more than ${max.keys} keys.`);
      }
      keys.add(key);
      if (keys.size > maxKeysOfObject) {
        throw keyError('', 'too_many_keys', `An object has more than ${maxKeysOfObject} keys.`);
      }
      isKeyNext = false;
      at = end;
    } else if (char !== ':' && char > ' ') {
      if (++valueCount > max.values) {
        throw keyError('', 'too_many_values', `The request body has more than ${max.values} values.`);
      }
      if (char === '{' || char === '[') {
        open.push(char === '{' ? new Set() : undefined);
        if (open.length > max.depth) {
          throw keyError('', 'too_deep', `The request body is nested more than ${max.depth} levels deep.`);
        }
        isKeyNext = char === '{';
      } else {
        at = char === '"' ? endOfString(text, at) : endOfScalar(text, at);
      }
    }
  }
}

/** The index of the quote that closes the string. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** The index of the last character of a number, true, false or null. */
function endOfScalar(text: string, start: number): number {
  let at = start;
  while (at + 1 < text.length && !' \t\r\n,:"[]{}'.includes(text[at + 1]!)) at++;
  return at;
}

function keyError(field: string, code: FieldErrorCode, message: string): Problem {
  return invalid([{ field, code, message }]);
}
