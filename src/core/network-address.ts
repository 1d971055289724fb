import * as ipaddr from 'ipaddr.js';

/**
 * A network address in one form: IPv4 in the notation of IPv6 is IPv4, and neither port nor interface belongs to it.
 * @returns null for what is none: a proxy may say anything of its client
 */
export function readAddress(written: string): string | null {
  const plain = written
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/, '');
  return ipaddr.isValid(plain) ? ipaddr.process(plain).toString() : null;
}

/** Of IPv6 the /64, which one household has all of. */
export function networkOf(address: string): string {
  const parsed = ipaddr.parse(address);
  if (parsed.kind() === 'ipv4') return address;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/64`).toString()}/64`;
}
