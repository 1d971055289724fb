import { createHash } from 'node:crypto';
import { ObjectLiteral, QueryBuilder } from 'typeorm';

/** A statement, ready to be sent. One with a name is parsed and planned once per connection. */
export interface Statement {
  name?: string;
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
  name: string | undefined;
  text: string;
  parameterNames: string[];
}

/** A connection keeps each named statement: this many, and what is rarer is planned each time. */
const maxNames = 300;

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
  const known = compiled.get(shape) ?? compile(shape, parameters, build);
  return { name: known.name, text: known.text, values: known.parameterNames.map((name) => parameters[name]) };
}

/** The statement of hand-written SQL with `:named` parameters. */
export function sql(text: string, parameters: Parameters): Statement {
  let known = compiled.get(text);
  if (!known) {
    const parameterNames: string[] = [];
    const numbered = text.replace(/(?<!:):([a-z_]+)\b/g, (_match, name: string) => {
      if (!parameterNames.includes(name)) parameterNames.push(name);
      return `$${parameterNames.indexOf(name) + 1}`;
    });
    known = remember(text, numbered, parameterNames);
  }
  return { name: known.name, text: known.text, values: known.parameterNames.map((name) => parameters[name]) };
}

function compile(shape: string, parameters: Parameters, build: () => QueryBuilder<ObjectLiteral>): Compiled {
  // Each parameter stands for its own name: the values that come back say in which order TypeORM wants them.
  const names = Object.fromEntries(Object.keys(parameters).map((name) => [name, name]));
  const [text, parameterNames] = build().setParameters(names).getQueryAndParameters() as [string, string[]];
  if (!('limit' in parameters)) return remember(shape, text, parameterNames);
  // TypeORM would write the number itself into the SQL: another statement for each number.
  return remember(shape, `${text} LIMIT $${parameterNames.length + 1}`, [...parameterNames, 'limit']);
}

function remember(shape: string, text: string, parameterNames: string[]): Compiled {
  const isRare = compiled.size >= maxNames;
  const name = isRare ? undefined : createHash('sha256').update(text).digest('base64url').slice(0, 22);
  const entry = { name, text, parameterNames };
  if (!isRare) compiled.set(shape, entry);
  return entry;
}
