import { IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { Allow } from 'class-validator';
import { FieldErrorCode, invalid, Problem } from '../core/problem';
import { isPlainDate } from '../core/timestamps';
import { GoalView } from '../goals/goal.dto';
import { ChangeView } from '../history/change.dto';
import { checkJsonKeys } from '../http/json-keys';
import { validate } from '../http/validation';
import { TagView } from '../tags/tag.dto';
import { TaskDependencyView, TaskView } from '../tasks/task.dto';
import { TimeEntryView } from '../time-entries/time-entry.dto';
import type { DocumentItem } from './document-items';

/** The arrays of an export that an import reads. Rows refer only to rows of the same or an earlier array. */
export const members = ['goals', 'tags', 'tasks', 'time_entries', 'dependencies', 'history'] as const;
export type Member = (typeof members)[number];

/** What an export also contains, and an import ignores: the account, and what gives access to it. */
const ignoredMembers = ['exported_at', 'user', 'sessions', 'tokens'];

export function isMember(name: string): name is Member {
  return (members as readonly string[]).includes(name);
}

/**
 * The class of the items of an array: the fields of the responses, of which only some are required, so that other programs
 * can write documents too.
 */
function itemOf<T>(View: Type<T>, required: (keyof T)[]): Type {
  const Required = PickType(View, required);
  return IntersectionType(
    Required,
    PartialType(OmitType(View, required), { skipNullProperties: false }),
  ) as Type;
}

/** The values of the fields of a task or goal, before or after a change. */
const valuesOf: Record<'task' | 'goal', Type<object>> = {
  task: PartialType(OmitType(TaskView, ['id', 'is_blocked', 'completed'])),
  goal: PartialType(OmitType(GoalView, ['id'])),
};

class ImportedChange extends OmitType(ChangeView, ['fields'] as const) {
  @Allow()
  fields: unknown;
}

const classes: Record<Member, Type> = {
  goals: itemOf(GoalView, ['id', 'title']),
  tags: itemOf(TagView, ['id', 'name']),
  tasks: itemOf(TaskView, ['id', 'title']),
  time_entries: itemOf(TimeEntryView, ['id', 'task_id', 'started_at']),
  dependencies: itemOf(TaskDependencyView, ['task_id', 'depends_on_id']),
  history: itemOf(ImportedChange, ['entity', 'entity_id', 'version', 'operation', 'fields', 'changed_at']),
};

/** Fields that Cairn computes from others. */
const computedFields = new Set(['is_blocked', 'completed', 'hours', 'task_count', 'is_imported']);

const idFields = [
  'id',
  'parent_goal_id',
  'goal_id',
  'parent_task_id',
  'task_id',
  'depends_on_id',
  'entity_id',
];

/** JSON of metrics is nested deeper in a change than in the request that set it. */
const limits = { keys: 5000, values: 20_000, depth: 40 };

/** An item as columns and values, without computed fields. */
export type Row = Record<string, unknown>;

/** A change, with the values before and after it by column. */
export interface ChangeRow extends Row {
  entity: keyof typeof valuesOf;
  entity_id: string;
  before: Row;
  after: Row;
}

/** The place of an item, for messages. */
export function placeOf({ member, index }: { member: string; index?: number }): string {
  return index === undefined ? member : `${member}[${index}]`;
}

/**
 * Validates an item by the rules of the API.
 * @throws Problem 422 naming the fields
 */
export async function checkItem(item: DocumentItem): Promise<Row> {
  const place = placeOf(item);
  if (!isMember(item.member)) throw flaw(place, 'unknown_field', unknownMember);
  if (item.index === undefined) throw flaw(place, 'type', 'must be an array');
  const value = parse(item);
  const values = columnsOf((await validate(classes[item.member], value, place)) as object, value);
  refusePlainDates(values, place);
  if (item.member !== 'history') return values;
  const change = toChange(values, place);
  for (const side of ['before', 'after'] as const) {
    const fields = await validate(valuesOf[change.entity], change[side], `${place}.fields`);
    refusePlainDates(fields as Row, `${place}.fields`);
  }
  return change;
}

/** @returns undefined for a member that the import reads or ignores; the problem otherwise */
export function memberProblem({ member }: DocumentItem): Problem | undefined {
  if (isMember(member) || ignoredMembers.includes(member)) return undefined;
  return flaw(member, 'unknown_field', unknownMember);
}

/** Converts an item that `checkItem` has accepted. */
export function toRow(item: DocumentItem): Row {
  const Item = classes[item.member as Member];
  const value = JSON.parse(item.text) as object;
  const values = columnsOf(plainToInstance(Item, value) as object, value);
  if (item.member !== 'history') return values;
  const change = toChange(values, '');
  const convert = (fields: Row) => columnsOf(plainToInstance(valuesOf[change.entity], fields), fields);
  return { ...change, before: convert(change.before), after: convert(change.after) };
}

const unknownMember = 'is unknown. A newer version of Cairn may have written the document';

function parse(item: DocumentItem): object {
  let value: unknown;
  try {
    checkJsonKeys(item.text, limits);
    value = JSON.parse(item.text);
  } catch (error) {
    if (error instanceof Problem && error.errors) {
      const errors = error.errors.map((one) => ({ ...one, field: join(placeOf(item), one.field) }));
      throw new Problem(error.status, error.code, error.detail, errors);
    }
    throw new Problem(400, 'malformed_body', `The document is no valid JSON: ${placeOf(item)}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw flaw(placeOf(item), 'type', 'must be a JSON object');
  return value;
}

/** The columns of a converted item. Ids are compared as text, and PostgreSQL returns them in lower case. */
function columnsOf(values: object, original: object): Row {
  const row: Row = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || computedFields.has(name)) continue;
    row[name] =
      idFields.includes(name) && typeof value === 'string'
        ? value.toLowerCase()
        : untrimmed(value, (original as Row)[name]);
  }
  return row;
}

/** Requests are trimmed. An import keeps texts as they are. */
function untrimmed(value: unknown, original: unknown): unknown {
  if (typeof value === 'string' && typeof original === 'string')
    return original.trim() === value ? original : value;
  if (!Array.isArray(value) || !Array.isArray(original) || value.length !== original.length) return value;
  return value.map((item, index) => untrimmed(item, original[index]));
}

/** Requests may have dates without a time, whose meaning depends on the time zone of the user. */
function refusePlainDates(values: Row, place: string): void {
  for (const [name, value] of Object.entries(values)) {
    if (/_(at|date)$/.test(name) && typeof value === 'string' && isPlainDate(value))
      throw flaw(`${place}.${name}`, 'invalid_date', 'must be a timestamp with an offset');
  }
}

/** Splits the changed fields into the values before and after. */
function toChange({ fields, ...change }: Row, place: string): ChangeRow {
  if (!(String(change.entity) in valuesOf))
    throw flaw(`${place}.entity`, 'not_allowed', `must be one of ${Object.keys(valuesOf).join(', ')}`);
  const [before, after]: [Row, Row] = [{}, {}];
  for (const [name, value] of Object.entries((fields ?? {}) as Row)) {
    const { old, new: current, ...more } = (value ?? {}) as Row;
    if (old === undefined || current === undefined || Object.keys(more).length > 0)
      throw flaw(`${place}.fields.${name}`, 'type', 'must be an object with old and new');
    before[name] = old;
    after[name] = current;
  }
  return { ...change, before, after } as unknown as ChangeRow;
}

function join(place: string, field: string): string {
  return field ? `${place}.${field}` : place;
}

function flaw(field: string, code: FieldErrorCode, message: string): Problem {
  return invalid([{ field, code, message }]);
}
