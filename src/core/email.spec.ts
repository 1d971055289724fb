import { isEmail, normalizeEmail } from './email';

describe('normalizeEmail', () => {
  it.each([
    ['Ada@Example.COM', 'ada@example.com'],
    ['  ada@example.com\n', 'ada@example.com'],
    ['ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ', 'ada@example.com'], // full width
    ['a\u0301da@example.com', 'áda@example.com'],
    ['A\u0301DA@EXAMPLE.COM', 'áda@example.com'],
    ['ada@BU\u0308CHER.example', 'ada@bücher.example'],
    ['ﬁ@example.com', 'fi@example.com'],
    ['\u212aate@example.com', 'kate@example.com'], // the sign of kelvin
    ['ada@xn--bcher-kva.example', 'ada@bücher.example'],
    ['ada@XN--BCHER-KVA.Example', 'ada@bücher.example'],
    ['ada@ΔΟΚΙΜΉ.example', 'ada@δοκιμή.example'],
    ['ada@xn--i-7iq.ws', 'ada@xn--i-7iq.ws'], // its Unicode form is not plain
    ['ΟΔΟΣ@example.com', 'οδος@example.com'],
    ['οδοσ@example.com', 'οδος@example.com'],
    ['οδος@example.com', 'οδος@example.com'],
    ['ΣΟΦΌΣ.Σ@example.com', 'σοφόσ.ς@example.com'],
    ['σοφός.σ@example.com', 'σοφόσ.ς@example.com'],
    ['Ada@e\ufe0fxample.com', 'ada@e\ufe0fxample.com'], // not valid, and not another address
    ['Ada@example.com:25', 'ada@example.com:25'],
    ['Ada@1.2', 'ada@1.2'],
    ['Username', 'username'],
    ['', ''],
  ])('converts %j to %j', (text, expected) => {
    expect(normalizeEmail(text)).toBe(expected);
  });

  it.each([
    'Ada@Example.COM',
    'İ@example.com',
    '\u1e9e@example.com',
    'ΐ@example.com',
    '\u03d3@example.com',
    'J\u030c@example.com', // composed in lower case only
    'H\u0331\u0323@example.com',
    '\ufb03@example.com',
    'ΣΑΣ.Σ@ΟΔΟΣ.example',
    'ada@ΐ.example',
    'ada@faß.example',
    'ada@xn--fa-hia.example',
  ])('returns its own result for %j unchanged', (text) => {
    const normalized = normalizeEmail(text);
    expect(normalizeEmail(normalized)).toBe(normalized);
  });

  it('only trims text that is too long in every Unicode form', () => {
    const marks = '\u0315\u0300'.repeat(600);
    expect(normalizeEmail(` A${marks}@example.com\n`)).toBe(`A${marks}@example.com`);
  });

  it('composes what only lower case has a composed form of', () => {
    expect(normalizeEmail('J\u030c@example.com')).toBe('\u01f0@example.com');
  });
});

describe('isEmail', () => {
  it.each([
    'ada@example.com',
    'ada.lovelace+tasks@mail.example.co.uk',
    'a@b.c',
    "o'hara!#$%&*/=?^_`{|}~-@example.com",
    'ada@bücher.example',
    'ada@xn--bcher-kva.example',
    '用户@例子.测试',
    'अजय@उदाहरण.भारत', // labels with combining vowel signs
  ])('accepts %s', (text) => {
    expect(isEmail(text)).toBe(true);
  });

  it.each([
    '',
    '@',
    'ada',
    'ada@',
    '@example.com',
    'ada@localhost',
    'ada@@example.com',
    'ada@example.com@example.org',
    'ada@.example.com',
    'ada@example..com',
    'ada@example.com.',
    'ada@-example.com',
    'ada@example-.com',
    'ada@exam_ple.com',
    'ada@exam ple.com',
    'ada@[127.0.0.1]',
    'ada@example.com:25',
    'ada@example.com/path',
    'ada@example.com?subject=x',
    'ada@ex%61mple.com',
    'ada@1.2',
    'ada@127.0.0.1',
    'ada@0x7f.1',
    'ada@010.0.0.1',
    'ada@example.1', // URLs read a number at the end as part of an IP address
    'ada@xn--a.com',
    'ada@XN--A.com',
    'ada@a.xn--0.example',
    'ada@xn--xn---epa.com', // xn--é
    `ada@${'x'.repeat(254)}.com`,
  ])('refuses %j', (text) => {
    expect(isEmail(text)).toBe(false);
  });

  it.each([
    ['a second header', 'ada\r\nBcc: eve@example.com'],
    ['a line break at the end', 'ada@example.com\n'],
    ['a display name', 'Ada <ada@example.com>'],
    ['angle brackets', '<ada@example.com'],
    ['a closing angle bracket', 'ada>@example.com'],
    ['a list', 'ada@example.com,eve@example.com'],
    ['a list with semicolons', 'ada;eve@example.com'],
    ['quotes', '"ada eve"@example.com'],
    ['a backslash', 'ada\\@example.com'],
    ['U+0000', 'ada\0@example.com'],
    ['an escape sequence', '\x1b[31mada@example.com'],
    ['a lone surrogate', '\ud800@example.com'],
    ['a zero-width space', 'ada\u200b@example.com'],
    ['a zero-width space in the domain', 'ada@exam\u200bple.com'],
    ['a variation selector in the domain', 'ada@e\ufe0fxample.com'],
    ['a combining grapheme joiner in the domain', 'ada@exam\u034fple.com'],
    ['a soft hyphen in the domain', 'ada@exam\u00adple.com'],
    ['a word joiner in the domain', 'ada@exam\u2060ple.com'],
    ['a zero-width joiner in the domain', 'ada@exam\u200dple.com'],
    ['a Hangul filler in the domain', 'ada@exam\u115fple.com'],
    ['a Mongolian variation selector in the domain', 'ada@exam\u180bple.com'],
    ['a lone combining mark', 'ada@\u0301example.com'],
    ['a label that is a combining mark', 'ada@\u0301.example.com'],
    ['a combining mark after a hyphen', 'ada@exam-\u0301ple.com'],
    ['a right-to-left override', 'ada\u202e@example.com'],
    ['a variation selector before the @', 'ada\ufe0f@example.com'],
    ['a non-breaking space', 'ada\u00a0eve@example.com'],
  ])('refuses an address with %s', (_what, text) => {
    expect(isEmail(text)).toBe(false);
  });

  it('refuses a long text of one character without backtracking', () => {
    expect(isEmail('a'.repeat(100_000))).toBe(false);
    expect(isEmail(`a@${'a-'.repeat(50_000)}.com`)).toBe(false);
    expect(isEmail(`a@${'.'.repeat(100_000)}`)).toBe(false);
  });
});
