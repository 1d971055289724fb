import { invalid, Problem } from '../core/problem';

const maxDepth = 32;

/** Whether a name is a property of every object. class-transformer would silently drop such a field. */
export function isForbiddenKey(name: string): boolean {
  return name in Object.prototype || name === 'prototype';
}

/**
 * Checks the keys of valid JSON text. JSON.parse would silently keep only the last of several equal keys.
 * @throws Problem 422 for text that is nested too deeply, has too many keys, or has a duplicate or forbidden key
 */
export function checkJsonKeys(text: string, maxKeys: number): void {
  const open: (Set<string> | undefined)[] = []; // the keys of each open object; undefined for an array
  let keyCount = 0;
  let previous = '';
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g)) {
    const keys = open.at(-1);
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > maxDepth) {
        throw keyError('', 'too_deep', `The request body is nested more than ${maxDepth} levels deep.`);
      }
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (keys && token.startsWith('"') && (previous === '{' || previous === ',')) {
      const key = JSON.parse(token) as string;
      if (keys.has(key)) throw keyError(key, 'duplicate_key', 'appears more than once');
      if (isForbiddenKey(key)) throw keyError(key, 'unknown_field', 'is not allowed as a field name');
      if (++keyCount > maxKeys) {
        throw keyError('', 'too_many_keys', `The request body has more than ${maxKeys} keys.`);
      }
      keys.add(key);
    }
    previous = token;
  }
}

function keyError(field: string, code: string, message: string): Problem {
  return invalid([{ field, code, message }]);
}
