import { isIP } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';

export const maxEmailLength = 254;

/** Longer text in UTF-16 code units is too long in every Unicode form. */
const maxEmailUnits = 4 * maxEmailLength;

/**
 * The canonical form of an email address: one form for every case and Unicode form, and for a domain and its ASCII form
 * (`xn--…`). Text that is too long is only trimmed, because normalizing many combining marks takes quadratic time.
 */
export function normalizeEmail(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length > maxEmailUnits) return trimmed;
  const composed = trimmed.normalize('NFKC');
  const at = composed.lastIndexOf('@');
  const domain = at < 0 ? undefined : canonicalDomain(composed.slice(at + 1));
  return domain === undefined ? toLowerCase(composed) : `${toLowerCase(composed.slice(0, at))}@${domain}`;
}

export function isEmail(value: unknown): boolean {
  const text = String(value);
  if (text.length > maxEmailUnits) return false;
  const [local = '', domain = '', ...more] = text.split('@');
  return (
    more.length === 0 &&
    /^[^\s<>",;\\\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]+$/u.test(local) &&
    canonicalDomain(domain) !== undefined
  );
}

/**
 * Lower-case letters can compose where upper-case letters do not, so the text is normalized again. A lower-case sigma is
 * written as its position requires: οδοσ and ΟΔΟΣ both become οδος.
 */
function toLowerCase(text: string): string {
  return text.toLowerCase().replace(/[σς]/g, 'Σ').toLowerCase().normalize('NFKC');
}

/**
 * @returns the domain in Unicode, or in ASCII if its Unicode form is not plain; undefined for a domain that is not valid,
 * that URLs would read as an IP address, or that has ignorable characters
 */
function canonicalDomain(domain: string): string | undefined {
  if (domain.length > maxEmailLength || !isPlainDomain(domain)) return undefined;
  const ascii = domainToASCII(domain);
  if (ascii === '' || isIP(ascii)) return undefined;
  const unicode = domainToUnicode(ascii);
  // A label that is not valid Punycode: Node 20 and 22 refuse it, Node 24 returns it unchanged.
  if (/(^|\.)xn--/.test(unicode)) return undefined;
  return isPlainDomain(unicode) && domainToASCII(unicode) === ascii ? unicode : ascii;
}

/** Whether the domain consists of two or more labels of letters, digits and inner hyphens. Marks follow a letter or a digit. */
function isPlainDomain(domain: string): boolean {
  const labels = domain.split('.');
  return (
    labels.length > 1 &&
    !/\p{Default_Ignorable_Code_Point}/u.test(domain) &&
    labels.every(
      (label) => /^[\p{L}\p{N}](?:[\p{L}\p{N}]|\p{M}|-(?!\p{M}))*$/u.test(label) && !label.endsWith('-'),
    )
  );
}
