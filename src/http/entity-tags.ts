import { hash } from 'node:crypto';
import { JsonText } from '../core/json-text';
import type { Coding } from './accept';

/** The last fields of every versioned resource, or the last one of an account. */
const versionPattern = /"version":(\d+)\}$|"updated_at":"([^"]+)"\}$/;

/** The end of the tag of a compressed response. No hash contains a plus. */
const codingPattern = /\+(?:br|gzip)$/;

/** Entity tags of rows: the version, and a hash of the representation. The hash is optional in a request. */
const rowTagPattern = /^(\d{1,15})(?:-[\w-]{16})?$/;

/** One member of a list of entity tags (RFC 9110, section 8.8.3), with the comma after it. Members can be empty. */
const memberPattern = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,|$)/y;

export interface EntityTag {
  isWeak: boolean;
  value: string;
}

/**
 * The strong entity tag of a response: `"<version>-<hash>"`, without the version for lists and other responses that have
 * none. The version alone is not enough, because some fields, such as `is_blocked`, depend on other rows.
 */
export function entityTagOf({ text }: JsonText): string {
  const version = versionOf(text);
  const digest = hash('sha1', text, 'base64url').slice(0, 16);
  return version === undefined ? `"${digest}"` : `"${version}-${digest}"`;
}

/** The tag of a compressed response: a strong tag must differ from that of the uncompressed one. */
export function tagWithCoding(tag: string, coding: Coding): string {
  return `${tag.slice(0, -1)}+${coding}"`;
}

/** Whether a tag of a client is one of a response with this tag, compressed or not. */
export function isTagOf(tag: string, { value }: EntityTag): boolean {
  return `"${value.replace(codingPattern, '')}"` === tag;
}

/** The version of a resource; undefined for a list and for resources without one. */
export function versionOf(text: string): number | undefined {
  const [, version, updatedAt] = versionPattern.exec(text.slice(-80)) ?? [];
  if (version !== undefined) return Number(version);
  return updatedAt === undefined ? undefined : Date.parse(updatedAt);
}

/** @returns the tags; `*` for any; undefined for a header that is not valid */
export function parseEntityTags(header: string): EntityTag[] | '*' | undefined {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  memberPattern.lastIndex = 0;
  while (memberPattern.lastIndex < header.length) {
    const member = memberPattern.exec(header);
    if (!member) return undefined;
    if (member[2] !== undefined) tags.push({ isWeak: member[1] !== undefined, value: member[2] });
  }
  return tags.length > 0 ? tags : undefined;
}

/** The version that a tag requires; undefined if it is not the tag of a row. */
export function versionOfTag({ value }: EntityTag): number | undefined {
  const [, version] = rowTagPattern.exec(value.replace(codingPattern, '')) ?? [];
  return version === undefined ? undefined : Number(version);
}
