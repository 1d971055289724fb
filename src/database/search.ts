import { parseSearch, SearchTerm, textSeparator } from '../core/search';
import type { Fragment } from './statement';

/*
 * The search in the title and description of a table's rows. Each term is a regular expression; no index serves it
 * (docs/decisions/0043).
 */

/** Characters of scripts without spaces between words, in a regular expression of PostgreSQL. */
const spacelessRanges = [
  '\\u0e00-\\u0eff', // Thai, Lao
  '\\u1000-\\u109f', // Myanmar
  '\\u1780-\\u17ff', // Khmer
  '\\u3005-\\u3007\\u3040-\\u30ff\\u31f0-\\u31ff\\uff66-\\uff9f', // Hiragana, Katakana
  '\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\U00020000-\\U0003ffff', // Han
].join('');

const isSpaceless = /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}]/u;

/** Letters, digits and underscores, with the accents of decomposed letters. */
const wordCharacters = '[\\w\\u0300-\\u036f]';

const start = `(?:(?<!${wordCharacters})|(?<=[${spacelessRanges}]))`;
const end = `(?:(?!${wordCharacters})|(?=[${spacelessRanges}]))`;

/** What JavaScript counts as white space. What PostgreSQL counts as such depends on the locale of the database. */
const whiteSpace = '[\\t-\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]+';

/** Letters that differ only in case or in their form, although JavaScript does not convert one into the other. */
const sameLetters = ['ßẞ', 'σς', 'µμ'];

/** The rows that match a search in the title and description. The parameters are also those of `relevanceSql`. */
export function searchIn(table: string) {
  return (_name: string, text: string): Fragment => {
    const terms = parseSearch(text);
    const wanted = terms.filter(({ isExcluded }) => !isExcluded);
    const excluded = terms.filter(({ isExcluded }) => isExcluded);
    const separatorSql = `chr(${textSeparator.charCodeAt(0)})`;
    const textSql = `(${table}.title || ${separatorSql} || coalesce(${table}.description, ''))`;
    const conditions = [
      ...(wanted.length > 0 ? [`${textSql} ~ ALL (:q_all::text[])`] : []),
      ...(excluded.length > 0 ? [`${textSql} !~ :q_excluded::text`] : []),
    ];
    const patterns = wanted.map((term) => patternOf(term));
    return {
      sql: conditions.join(' AND ') || 'true',
      parameters: {
        q_all: patterns,
        q_some: patterns.join('|'),
        q_whole: wanted.map((term) => patternOf(term, true)),
        // One expression reads a text once, where several would read it several times.
        q_excluded: excluded.map((term) => patternOf(term)).join('|'),
      },
    };
  };
}

/**
 * SQL of the position of a matching row in the order of relevance to the search `q`: 1 if the title contains all terms as
 * whole words, 2 if it contains all terms, 3 if it contains some of them, 4 if it contains none.
 */
export function relevanceSql(table: string): string {
  return `CASE WHEN ${table}.title !~ :q_some::text THEN 4
    WHEN ${table}.title ~ ALL (:q_whole::text[]) THEN 1
    WHEN ${table}.title ~ ALL (:q_all::text[]) THEN 2 ELSE 3 END`;
}

/**
 * A regular expression of PostgreSQL. Both cases of a letter are written out, because PostgreSQL compiles
 * case-insensitive expressions with large ranges slowly.
 * @param isWhole whether the last word must be a whole word
 */
function patternOf({ words, isPhrase }: SearchTerm, isWhole = isPhrase): string {
  const pattern = words.map((word) => [...word].map(characterPattern).join('')).join(whiteSpace);
  const [first] = words[0]!;
  const last = [...words.at(-1)!].at(-1)!;
  return (hasBoundary(first!) ? start : '') + pattern + (isWhole && hasBoundary(last) ? end : '');
}

/** Whether a word that begins or ends with the character begins or ends there in a text too. */
function hasBoundary(character: string): boolean {
  return /[\p{L}\p{N}_]/u.test(character) && !isSpaceless.test(character);
}

function characterPattern(character: string): string {
  const [lower, upper] = [character.toLowerCase(), character.toUpperCase()];
  const cases = [character, lower, upper, upper.toLowerCase(), lower.toUpperCase()];
  const forms = sameLetters.find((letters) => letters.includes(lower)) ?? '';
  const letters = new Set([...cases, ...forms].filter((variant) => [...variant].length === 1));
  if (letters.size > 1) return `[${[...letters].join('')}]`;
  return /[!-/:-@[-^`{-~]/.test(character) ? `\\${character}` : character;
}
