import { DataSource, QueryRunner } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions';
import { withDataSource } from './data-source';
import type { Migration } from './migration-file';
import { Difference, differences, report, statements } from './schema-diff';
import { Kind, kinds, SchemaSnapshot, schemaSnapshot } from './schema-snapshot';
import { applySqlFiles } from './sql-files';

/** Where the wanted objects are created, in a transaction that is rolled back. */
const scratch = 'cairn_wanted';

/** They may depend on columns that TypeORM drops: outdated ones are dropped first. */
const dependents: Kind[] = ['trigger', 'policy'];

/** Grants are compared last: a function that was dropped and created again has lost its grants. */
const allButGrants = kinds.filter((kind) => kind !== 'grant');

/** Where the migrated database differs from the entities and the .sql files. No write waits for it. */
export async function findDifferences(dataSource: DataSource): Promise<Difference[]> {
  const entityStatements = await statementsOfEntities(dataSource);
  return inScratchTransaction(dataSource, async (runner) =>
    differences(await snapshotOf(runner, 'public'), await wantedSnapshot(runner, entityStatements)),
  );
}

/**
 * The migration from the database to the entities and the .sql files. It is run in both directions first, in a
 * transaction that is rolled back; meanwhile it locks the tables that it changes.
 * @returns undefined when there is nothing to migrate
 * @throws Error when there is more to do than the generator can write
 */
export async function generateMigration(dataSource: DataSource): Promise<Migration | undefined> {
  const { upQueries, downQueries } = await dataSource.driver.createSchemaBuilder().log();
  const entityStatements = await statementsOfEntities(dataSource);
  return inScratchTransaction(dataSource, async (runner) => {
    const actual = await snapshotOf(runner, 'public');
    const wanted = await wantedSnapshot(runner, entityStatements);
    if (differences(actual, wanted).length === 0) return undefined;
    await runner.query(`SET LOCAL search_path = public, pg_temp`);
    const up = await migrateTo(wanted, runner, upQueries.map(sqlOf));
    const down = await migrateTo(actual, runner, downQueries.map(sqlOf).reverse());
    return { up, down };
  });
}

/**
 * Migrates the schema public to `wanted`: first by TypeORM's statements for tables, columns, ordinary indexes and constraints,
 * then by those for everything else.
 * @returns all statements that it ran
 */
async function migrateTo(
  wanted: SchemaSnapshot,
  runner: QueryRunner,
  ofTypeOrm: string[],
): Promise<string[]> {
  const all: string[] = [];
  const run = async (some: string[]) => {
    for (const statement of some) {
      all.push(statement);
      try {
        await runner.query(statement);
      } catch (error) {
        throw new Error(
          `This statement of the migration fails: ${(error as Error).message}\n\n${statement}\n\n${byHand}`,
          { cause: error },
        );
      }
    }
  };
  const difference = async (of?: readonly Kind[]) =>
    differences(await schemaSnapshot(runner, 'public'), wanted, of);
  const outdated = (await difference(dependents)).filter(({ actual }) => actual);
  await run(statements(outdated.map(({ actual }) => ({ actual: actual! }))));
  await run(ofTypeOrm);
  await run(statements((await difference(allButGrants)).filter((found) => !isOfTypeOrm(found))));
  await run(statements(await difference(['grant'])));
  const rest = await difference();
  if (rest.length > 0) {
    throw new Error(`The generator cannot write this part of the migration:\n${report(rest)}\n\n${byHand}`);
  }
  return all;
}

const byHand =
  'Write this migration by hand (npm run typeorm -- migration:create src/schema/migrations/Name), ' +
  'then compare: npm run migration:generate -- --check';

function isOfTypeOrm({ actual, wanted }: Difference): boolean {
  return ['table', 'column'].includes((wanted ?? actual)!.kind);
}

/** Creates the tables of the entities in the scratch schema. */
async function statementsOfEntities({ options }: DataSource): Promise<string[]> {
  const inScratch = { ...(options as PostgresDataSourceOptions), schema: scratch, migrations: [] };
  const { upQueries } = await withDataSource(inScratch, (dataSource) =>
    dataSource.driver.createSchemaBuilder().log(),
  );
  return upQueries.map(sqlOf);
}

/** A statement of TypeORM, in the form of those of this generator. */
function sqlOf({ query, parameters }: { query: string; parameters?: unknown[] }): string {
  if (parameters?.length) throw new Error(`TypeORM gives parameters to: ${query}\n\n${byHand}`);
  const statement = query.trim().replace(/;$/, '');
  return statement.startsWith('CREATE TABLE ') ? inLines(statement) : statement;
}

/** CREATE TABLE with each column and constraint on a line of its own. */
function inLines(statement: string): string {
  let depth = 0;
  let isQuoted = false;
  return statement.replace(/, |[()']/g, (part) => {
    if (part === "'") isQuoted = !isQuoted;
    if (isQuoted || part === "'") return part;
    if (part === '(') return ++depth === 1 ? '(\n  ' : part;
    if (part === ')') return --depth === 0 ? '\n)' : part;
    return depth === 1 ? ',\n  ' : part;
  });
}

async function snapshotOf(runner: QueryRunner, schema: string): Promise<SchemaSnapshot> {
  await runner.query(`SET LOCAL search_path = ${schema}, pg_temp`);
  return schemaSnapshot(runner, schema);
}

async function wantedSnapshot(runner: QueryRunner, entityStatements: string[]): Promise<SchemaSnapshot> {
  await runner.query(`CREATE SCHEMA ${scratch}; SET LOCAL search_path = ${scratch}, pg_temp`);
  for (const statement of entityStatements) await runner.query(statement);
  await applySqlFiles(runner, scratch);
  return schemaSnapshot(runner, scratch);
}

async function inScratchTransaction<T>(
  dataSource: DataSource,
  work: (runner: QueryRunner) => Promise<T>,
): Promise<T> {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  try {
    return await work(runner);
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}
