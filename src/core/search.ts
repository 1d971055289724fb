/** Maximum number of terms of a search. Each can need two regular expressions, of which PostgreSQL keeps 32 compiled. */
export const maxSearchTerms = 10;

/**
 * A character between two texts that are searched together. In a search it is white space, so no term contains it; in the
 * texts it is not, so no phrase crosses it.
 */
export const textSeparator = '\u001f';

/** Words that a text must contain one after the other, or must not contain. */
export interface SearchTerm {
  /** At least one; a term that is no phrase has exactly one. */
  words: string[];
  /** Whether the last word must be a whole word, not only the beginning of one. */
  isPhrase: boolean;
  isExcluded: boolean;
}

/**
 * Parses `meet "next week" -cancelled`. Quotes inside of a word belong to the word. Ignores words that consist of hyphens,
 * and phrases without words.
 */
export function parseSearch(text: string): SearchTerm[] {
  const matches = text.replaceAll(textSeparator, ' ').matchAll(/(-?)(?:"([^"]*)"?|(\S+))/g);
  return [...matches].flatMap(([, minus, phrase, word]) => {
    const isPhrase = phrase !== undefined;
    const words = isPhrase ? phrase.split(/\s+/).filter(Boolean) : [word!];
    const isIgnored = words.length === 0 || (!isPhrase && /^-+$/.test(word!));
    return isIgnored ? [] : [{ words, isPhrase, isExcluded: minus === '-' }];
  });
}
