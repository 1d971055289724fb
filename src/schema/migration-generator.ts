import { DataSource, QueryRunner } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions';
import { withDataSource } from './data-source';
import type { Migration } from './migration-file';
import { Difference, differences, report, statements } from './schema-diff';
import { Kind, kinds, SchemaSnapshot, schemaSnapshot } from './schema-snapshot';
import { applySqlFiles } from './sql-files';

/** The schema in which the expected objects are created, in a transaction that is rolled back. */
const scratchSchema = 'cairn_expected';

/** Outdated objects of these kinds are dropped first, because they can depend on columns that TypeORM drops. */
const dependents: Kind[] = ['trigger', 'policy'];

/** Grants are compared last, because a function that is dropped and created again loses its grants. */
const allButGrants = kinds.filter((kind) => kind !== 'grant');

/** The differences between the migrated database and the entities and .sql files. Does not block writes. */
export async function findDifferences(dataSource: DataSource): Promise<Difference[]> {
  const entityStatements = await statementsOfEntities(dataSource);
  return inScratchTransaction(dataSource, async (runner) =>
    differences(await snapshotOf(runner, 'public'), await expectedSnapshot(runner, entityStatements)),
  );
}

/**
 * The migration from the database to the entities and the .sql files. To test it, it is run in both directions in a
 * transaction that is rolled back, which locks the tables that it changes.
 * @returns undefined if there are no differences
 * @throws Error if the generator cannot write the migration
 */
export async function generateMigration(dataSource: DataSource): Promise<Migration | undefined> {
  const { upQueries, downQueries } = await dataSource.driver.createSchemaBuilder().log();
  const entityStatements = await statementsOfEntities(dataSource);
  return inScratchTransaction(dataSource, async (runner) => {
    const actual = await snapshotOf(runner, 'public');
    const expected = await expectedSnapshot(runner, entityStatements);
    if (differences(actual, expected).length === 0) return undefined;
    await runner.query(`SET LOCAL search_path = public, pg_temp`);
    const up = await migrateTo(expected, runner, upQueries.map(sqlOf));
    const down = await migrateTo(actual, runner, downQueries.map(sqlOf).reverse());
    return { up, down };
  });
}

/**
 * Migrates the schema public to the snapshot: first with TypeORM's statements for tables, columns, simple indexes and
 * constraints, then with statements for everything else.
 * @returns all statements
 */
async function migrateTo(
  expected: SchemaSnapshot,
  runner: QueryRunner,
  typeOrmStatements: string[],
): Promise<string[]> {
  const all: string[] = [];
  const run = async (next: string[]) => {
    for (const statement of next) {
      all.push(statement);
      try {
        await runner.query(statement);
      } catch (error) {
        throw new Error(
          `This statement of the migration fails: ${(error as Error).message}\n\n${statement}\n\n${manualHint}`,
          { cause: error },
        );
      }
    }
  };
  const remaining = async (of?: readonly Kind[]) =>
    differences(await schemaSnapshot(runner, 'public'), expected, of);
  const outdated = (await remaining(dependents)).filter(({ actual }) => actual);
  await run(statements(outdated.map(({ actual }) => ({ actual: actual! }))));
  await run(typeOrmStatements);
  await run(statements((await remaining(allButGrants)).filter((found) => !isMigratedByTypeOrm(found))));
  await run(statements(await remaining(['grant'])));
  const rest = await remaining();
  if (rest.length > 0) {
    throw new Error(
      `The generator cannot write this part of the migration:\n${report(rest)}\n\n${manualHint}`,
    );
  }
  return all;
}

const manualHint =
  'Write this migration by hand (npm run typeorm -- migration:create src/schema/migrations/Name), ' +
  'then compare: npm run migration:generate -- --check';

function isMigratedByTypeOrm({ actual, expected }: Difference): boolean {
  return ['table', 'column'].includes((expected ?? actual)!.kind);
}

/** The statements that create the tables of the entities in the scratch schema. */
async function statementsOfEntities({ options }: DataSource): Promise<string[]> {
  const inScratch = { ...(options as PostgresDataSourceOptions), schema: scratchSchema, migrations: [] };
  const { upQueries } = await withDataSource(inScratch, (dataSource) =>
    dataSource.driver.createSchemaBuilder().log(),
  );
  return upQueries.map(sqlOf);
}

/** The text of a TypeORM statement, formatted like the statements of this generator. */
function sqlOf({ query, parameters }: { query: string; parameters?: unknown[] }): string {
  if (parameters?.length) throw new Error(`TypeORM uses parameters in: ${query}\n\n${manualHint}`);
  const statement = query.trim().replace(/;$/, '');
  return statement.startsWith('CREATE TABLE ') ? inLines(statement) : statement;
}

/** CREATE TABLE with each column and constraint on a separate line. */
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

async function expectedSnapshot(runner: QueryRunner, entityStatements: string[]): Promise<SchemaSnapshot> {
  await runner.query(`CREATE SCHEMA ${scratchSchema}; SET LOCAL search_path = ${scratchSchema}, pg_temp`);
  await applySqlFiles(runner, scratchSchema, entityStatements);
  return schemaSnapshot(runner, scratchSchema);
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
