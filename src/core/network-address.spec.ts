import { networkOf, parseAddress } from './network-address';

describe('parseAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:54321', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1:80', '2001:db8::1:80'], // not a port
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:443', 'fe80::1'],
    ['::1', '::1'],
    ['::', '::'],
  ])('reads %s as %s', (text, expected) => {
    expect(parseAddress(text)).toBe(expected);
  });

  it('returns its own results unchanged', () => {
    const address = parseAddress('[2001:0DB8:0::1%eth0]:443')!;
    expect(parseAddress(address)).toBe(address);
  });

  it.each([
    '',
    'unknown',
    '_hidden',
    'localhost',
    'example.com',
    '256.0.0.1',
    '1',
    '1.2',
    '0x7f.1',
    '0x7f.0.0.1',
    '010.0.0.1',
    '::ffff:010.0.0.1',
    '2130706433',
    '[127.1]:80',
    '1.2.3.4.5',
    '192.0.2.1/24',
    '192.0.2.1, 198.51.100.1',
    ' 192.0.2.1',
    '192.0.2.1\n',
    '192.0.2.1\r\nX-Injected: 1',
    'fe80::1%eth0\n2',
    '192.0.2.1\0',
    "192.0.2.1'; DROP TABLE sessions; --",
    '192.0.2.1:',
    '[::1',
    '::1]',
    '[]',
    ':::',
    '1:2:3:4:5:6:7:8:9',
    '2001:db8::1::2',
    '%',
    '[',
  ])('returns null for %j', (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  it('returns null for a connection without an address', () => {
    expect(parseAddress(undefined)).toBeNull();
  });

  it('returns null for long text', () => {
    expect(parseAddress('1.'.repeat(50_000))).toBeNull();
    expect(parseAddress(`[${':'.repeat(100_000)}`)).toBeNull();
  });
});

describe('networkOf', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['::1', '::/64'],
    ['fe80::1', 'fe80::/64'],
  ])('of %s is %s', (address, expected) => {
    expect(networkOf(address)).toBe(expected);
  });
});
