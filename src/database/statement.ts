import { createHash } from 'node:crypto';
import { ObjectLiteral, QueryBuilder } from 'typeorm';

/** A statement, ready to be sent. By its name, PostgreSQL parses and plans it once per connection. */
export interface Statement {
  name: string;
  text: string;
  values: unknown[];
}

export type Parameters = Record<string, unknown>;

/** SQL with `:named` parameters, and their values. */
export interface Fragment {
  sql: string;
  parameters?: Parameters;
}

interface Compiled {
  name: string;
  text: string;
  parameterNames: string[];
}

/** How many shapes are remembered: those that were used last. */
const maxShapes = 500;

const compiled = new Map<string, Compiled>();

/**
 * The statement of a shape (same shape, same SQL) with these values in it. TypeORM builds the SQL of each shape once.
 * @param parameters one called `limit` limits the rows
 * @param build makes the query with `:named` parameters; it must not call `setParameter`
 */
export function statement(
  shape: string,
  parameters: Parameters,
  build: () => QueryBuilder<ObjectLiteral>,
): Statement {
  return withValues(recall(shape) ?? compile(shape, parameters, build), parameters);
}

/** The statement of hand-written SQL with `:named` parameters. */
export function sql(text: string, parameters: Parameters): Statement {
  let known = recall(text);
  if (!known) {
    const parameterNames: string[] = [];
    const numbered = text.replace(/(?<!:):([a-z_]+)\b/g, (_match, name: string) => {
      if (!parameterNames.includes(name)) parameterNames.push(name);
      return `$${parameterNames.indexOf(name) + 1}`;
    });
    known = remember(text, numbered, parameterNames);
  }
  return withValues(known, parameters);
}

function withValues({ name, text, parameterNames }: Compiled, parameters: Parameters): Statement {
  return { name, text, values: parameterNames.map((parameter) => parameters[parameter]) };
}

function compile(shape: string, parameters: Parameters, build: () => QueryBuilder<ObjectLiteral>): Compiled {
  // Each parameter stands for its own name: the values that come back say in which order TypeORM wants them.
  const names = Object.fromEntries(Object.keys(parameters).map((name) => [name, name]));
  const [text, parameterNames] = build().setParameters(names).getQueryAndParameters() as [string, string[]];
  if (!('limit' in parameters)) return remember(shape, text, parameterNames);
  // TypeORM would write the number itself into the SQL: another statement for each number.
  return remember(shape, `${text} LIMIT $${parameterNames.length + 1}`, [...parameterNames, 'limit']);
}

function recall(shape: string): Compiled | undefined {
  const known = compiled.get(shape);
  if (!known) return undefined;
  compiled.delete(shape);
  compiled.set(shape, known);
  return known;
}

function remember(shape: string, text: string, parameterNames: string[]): Compiled {
  const [oldest] = compiled.keys();
  if (oldest !== undefined && compiled.size >= maxShapes) compiled.delete(oldest);
  const entry = {
    name: createHash('sha256').update(text).digest('base64url').slice(0, 22),
    text,
    parameterNames,
  };
  compiled.set(shape, entry);
  return entry;
}
