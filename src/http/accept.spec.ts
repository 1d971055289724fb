import { acceptedCoding, acceptsType } from './accept';

describe('acceptsType', () => {
  it.each([
    [undefined],
    [''],
    [' , '],
    ['*/*'],
    ['application/json'],
    ['Application/JSON'],
    ['application/*'],
    ['application/json; charset=utf-8'],
    ['application/json;profile="a,b";q=0.001'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ['text/html, image/gif, *; q=.2'],
    ['text/html;q=0, application/json;q=0, application/json;version=1'],
    ['*/*;q=0, application/*;q=0.1'],
    ['application/json;q=high'],
    ['text/html,'.repeat(1000)],
  ])('admits JSON: %s', (header) => expect(acceptsType(header, 'application/json')).toBe(true));

  it.each([
    ['application/json;q=0'],
    ['application/json; q=0.000, */*'],
    ['application/*;q=0, */*'],
    ['*/*;q=0'],
    ['text/html'],
    ['text/*, application/problem+json, application/jsonp'],
    ['json'],
    [`${'a,'.repeat(900)}b`],
  ])('does not admit JSON: %s', (header) => expect(acceptsType(header, 'application/json')).toBe(false));

  it('compares with the type of the operation', () => {
    for (const [header, isAccepted] of [
      ['text/calendar', true],
      ['text/*;q=0.5', true],
      ['application/json', false],
    ] as const)
      expect([header, acceptsType(header, 'text/calendar')]).toEqual([header, isAccepted]);
  });
});

it('acceptedCoding follows the weights', () => {
  for (const [header, coding] of [
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['deflate, zstd', undefined],
    ['gzip, deflate', 'gzip'],
    ['gzip, deflate, br, zstd', 'br'],
    ['GZIP', 'gzip'],
    ['br;q=0.5, gzip;q=0.9', 'gzip'],
    ['br;q=0, gzip;q=0', undefined],
    ['br;q=0, *', 'gzip'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['*;q=0, gzip', 'gzip'],
    ['identity;q=0, gzip', 'gzip'],
    ['identity, gzip;q=0.5', undefined],
    ['identity, gzip', 'gzip'],
    ['gzip;q=0.5, identity;q=0.2', 'gzip'],
    [`gzip${', x'.repeat(1000)}`, undefined],
  ] as const)
    expect([header, acceptedCoding(header)]).toEqual([header, coding]);
});
