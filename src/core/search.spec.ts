import { parseSearch, SearchTerm } from './search';

/** A short form of a term: `-` for an exclusion, the words, in brackets for a phrase. */
const short = ({ words, isPhrase, isExcluded }: SearchTerm) =>
  (isExcluded ? '-' : '') + (isPhrase ? `[${words.join(' ')}]` : words.join(' '));

describe('the terms of a search', () => {
  it.each<[string, string[]]>([
    ['meet', ['meet']],
    ['  meet \t week\n', ['meet', 'week']],
    ['meet meet', ['meet', 'meet']],
    ['"next week"', ['[next week]']],
    ['"  next \n week "', ['[next week]']],
    ['-"next week" -meet', ['-[next week]', '-meet']],
    ['"next week', ['[next week]']],
    ['meet"week', ['meet"week']],
    ['"meet"week', ['[meet]', 'week']],
    ['"a""b"', ['[a]', '[b]']],
    ['"a"-b', ['[a]', '-b']],
    ['5" disk', ['5"', 'disk']],
    ['--meet', ['--meet']],
    ['well-known', ['well-known']],
    ['- -- --- "" -"" " "', []],
    ['"', []],
    ['-"', []],
    ['"-" -"-"', ['[-]', '-[-]']],
    ['a\u001fb', ['a', 'b']],
    ['a\u00a0b\u3000c', ['a', 'b', 'c']],
    ['\\ " \\ "', ['\\', '[\\]']],
    ['', []],
  ])('%j are %j', (text, expected) => {
    expect(parseSearch(text).map(short)).toEqual(expected);
  });
});
