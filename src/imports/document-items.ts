import { FieldErrorCode, invalid, Problem } from '../core/problem';

/** One value of a JSON document: a member of the document that is no array, or an item of one that is. */
export interface DocumentItem {
  member: string;
  /** The position in the array; undefined if the member is no array. */
  index?: number;
  /** Not parsed yet, and not necessarily valid JSON. */
  text: string;
}

/** Bytes of one item, and of a name. The largest items are changes of long texts, which have each text twice. */
const [maxItemBytes, maxNameBytes] = [1_048_576, 100];

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

type State =
  | 'document'
  | 'first name'
  | 'name'
  | 'colon'
  | 'value'
  | 'after value'
  | 'first item'
  | 'item'
  | 'after item'
  | 'end';

/**
 * Splits a JSON document of any size, `{"name": [item, item, …], "name": value, …}`, into its items while it is read.
 * Only one item is in memory at a time, and its size is limited before it is parsed.
 */
export class DocumentItems {
  private state: State = 'document';
  private member = '';
  private index = 0;
  private readonly names = new Set<string>();
  /** The beginning of the current value, from earlier chunks. */
  private parts: Buffer[] = [];
  private length = 0;
  /** Within the current value: open brackets, and whether the last byte is in a string. */
  private depth = 0;
  private isInString = false;
  private isEscaped = false;
  private isScalar = false;

  /**
   * @param chunk the next part of the document
   * @returns the items that end in it
   * @throws Problem 400 if the document is no JSON object · Problem 422 for a duplicate name, and for an item that is too large
   */
  next(chunk: Buffer): DocumentItem[] {
    const items: DocumentItem[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.length > 0) {
        at = this.continueValue(chunk, at, items);
        continue;
      }
      const byte = chunk[at]!;
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) at++;
      else if (this.isValueNext(byte)) at = this.startValue(chunk, at, items);
      else {
        this.punctuate(byte);
        at++;
      }
    }
    return items;
  }

  /** @throws Problem 400 if the document is not complete */
  end(): void {
    if (this.state !== 'end') throw malformed(`ends unexpectedly, in ${this.place}`);
  }

  /** Where the document is being read, such as `tasks[3]`. */
  private get place(): string {
    if (this.state === 'document' || this.member === '') return 'the beginning';
    const isInArray = ['first item', 'item', 'after item'].includes(this.state);
    return isInArray ? `${this.member}[${this.index}]` : this.member;
  }

  /** Whether a name, a value or an item begins with this byte. */
  private isValueNext(byte: number): boolean {
    if (this.state === 'first name') return byte === quote;
    if (this.state === 'first item') return byte !== closeBracket;
    if (this.state === 'value') return byte !== openBracket && byte !== comma && byte !== closeBrace;
    return this.state === 'name' || this.state === 'item';
  }

  private punctuate(byte: number): void {
    const next = transitions[this.state]?.[byte];
    if (!next) throw malformed(`has an unexpected character in ${this.place}`);
    if (this.state === 'value') this.index = 0;
    if (this.state === 'after item' && byte === comma) this.index++;
    this.state = next;
  }

  private startValue(chunk: Buffer, at: number, items: DocumentItem[]): number {
    const byte = chunk[at]!;
    this.isInString = byte === quote;
    this.isScalar = !this.isInString && byte !== openBrace && byte !== openBracket;
    this.isEscaped = false;
    this.depth = byte === openBrace || byte === openBracket ? 1 : 0;
    return this.scan(chunk, at, at + 1, items);
  }

  private continueValue(chunk: Buffer, at: number, items: DocumentItem[]): number {
    return this.scan(chunk, at, at, items);
  }

  /** Finds the end of the current value, of which the bytes from `start` on are in this chunk. @returns where it ends */
  private scan(chunk: Buffer, start: number, from: number, items: DocumentItem[]): number {
    let at = from;
    for (; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.isInString) {
        if (this.isEscaped) this.isEscaped = false;
        else if (byte === backslash) this.isEscaped = true;
        else if (byte === quote) {
          this.isInString = false;
          if (this.depth === 0) return this.finish(chunk, start, at + 1, items);
        }
      } else if (this.isScalar) {
        if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20)
          return this.finish(chunk, start, at, items);
      } else if (byte === quote) this.isInString = true;
      else if (byte === openBrace || byte === openBracket) this.depth++;
      else if ((byte === closeBrace || byte === closeBracket) && --this.depth === 0)
        return this.finish(chunk, start, at + 1, items);
    }
    this.keep(chunk.subarray(start));
    return at;
  }

  private keep(part: Buffer): void {
    this.length += part.length;
    const isName = this.state === 'first name' || this.state === 'name';
    const max = isName ? maxNameBytes : maxItemBytes;
    if (this.length > max) {
      throw isName
        ? malformed(`has a name that is too long after ${this.place}`)
        : itemError(this.place, 'too_long', `must have at most ${max} bytes of JSON`);
    }
    this.parts.push(part);
  }

  private finish(chunk: Buffer, start: number, end: number, items: DocumentItem[]): number {
    this.keep(chunk.subarray(start, end));
    const text = this.decode(Buffer.concat(this.parts));
    this.parts = [];
    this.length = 0;
    if (this.state === 'first name' || this.state === 'name') {
      this.member = this.parseName(text);
      this.state = 'colon';
    } else if (this.state === 'value') {
      items.push({ member: this.member, text });
      this.state = 'after value';
    } else {
      items.push({ member: this.member, index: this.index, text });
      this.state = 'after item';
    }
    return end;
  }

  private decode(bytes: Buffer): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw itemError(this.place, 'invalid_text', 'must be valid UTF-8');
    }
  }

  private parseName(text: string): string {
    let name: unknown;
    try {
      name = JSON.parse(text);
    } catch {
      name = undefined;
    }
    if (typeof name !== 'string') throw malformed(`has an invalid name after ${this.place}`);
    if (this.names.has(name)) throw itemError(name, 'duplicate_key', 'appears more than once');
    this.names.add(name);
    return name;
  }
}

/** The state after a byte of punctuation. */
const transitions: Partial<Record<State, Record<number, State>>> = {
  document: { [openBrace]: 'first name' },
  'first name': { [closeBrace]: 'end' },
  colon: { [colon]: 'value' },
  value: { [openBracket]: 'first item' },
  'after value': { [comma]: 'name', [closeBrace]: 'end' },
  'first item': { [closeBracket]: 'after value' },
  'after item': { [comma]: 'item', [closeBracket]: 'after value' },
};

function malformed(text: string): Problem {
  return new Problem(400, 'malformed_body', `The document is no valid JSON object: it ${text}.`);
}

function itemError(field: string, code: FieldErrorCode, message: string): Problem {
  return invalid([{ field, code, message }]);
}
