import { isIP } from 'node:net';
import * as ipaddr from 'ipaddr.js';

/**
 * Parses a network address into its canonical form: IPv4 in IPv6 notation becomes IPv4; port and interface are dropped.
 * @param text undefined if the connection was closed before its address was read
 * @returns null for text that is not an address, since proxies can report any text
 */
export function parseAddress(text: string | undefined): string | null {
  if (text === undefined || text.length > 100) return null;
  const plain = text
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/, '');
  // ipaddr.js alone would also read 1, 0x7f.1 and 010.0.0.1 as addresses.
  return isIP(plain) ? ipaddr.process(plain).toString() : null;
}

/** The network that rate limits treat as one client: the address itself for IPv4, the /64 for IPv6. */
export function networkOf(address: string): string {
  const parsed = ipaddr.parse(address);
  if (parsed.kind() === 'ipv4') return address;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/64`).toString()}/64`;
}
