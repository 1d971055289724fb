import { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { maxCursorLength, maxPageSize } from '../core/page-request';
import { IdField, IntegerField, TimestampField } from './body-fields';

/** The largest integer of PostgreSQL. */
export const maxInteger = 2_147_483_647;

/** The names of the fields of a response class, in order. */
export function fieldsOf(view: abstract new () => object): string[] {
  const names = Reflect.getMetadata('swagger/apiModelPropertiesArray', view.prototype as object) as string[];
  return names.map((name) => name.slice(1));
}

/** The first field of every resource. */
export class Identified {
  @IdField({ description: 'Unique id, assigned by the server.' })
  id: string;
}

/** The last fields of every versioned resource. */
export class Versioned {
  @TimestampField({ description: 'Timestamp of the creation.', inResponse: true })
  created_at: string;

  @TimestampField({ description: 'Timestamp of the last update.', inResponse: true })
  updated_at: string;

  @IntegerField({
    description: 'Version number. Starts at 1 and increases by 1 with each update.',
    min: 1,
    max: maxInteger,
  })
  version: number;
}

/** The schema of a count. */
export const countSchema = { type: 'integer', minimum: 0, maximum: maxInteger } as const;

/** The schema of counts by enum value. Every value is present. */
export function countsOf(values: readonly (string | number)[]) {
  const names = values.map(String);
  return {
    type: 'object',
    additionalProperties: false,
    required: names,
    properties: Object.fromEntries(names.map((name) => [name, countSchema])),
  } as const;
}

const pageNames = new Set<string>();

/** Whether `pageOf` created the schema with this name. */
export function isPageName(name: string): boolean {
  return pageNames.has(name);
}

/** Creates the class of a list response. @param name of the schema in the OpenAPI document */
export function pageOf(View: Type, name: string): Type {
  class Page {
    @ApiProperty({ type: [View], maxItems: maxPageSize, description: 'Items of this page.' })
    items: object[];

    @ApiProperty({
      type: String,
      nullable: true,
      maxLength: maxCursorLength,
      description: 'Cursor of the next page. Null on the last page.',
    })
    next_cursor: string | null;

    @ApiProperty({
      ...countSchema,
      required: false,
      description: 'Total number of items. Present only with `include=total`.',
    })
    total?: number;
  }
  Object.defineProperty(Page, 'name', { value: name });
  pageNames.add(name);
  return Page;
}
