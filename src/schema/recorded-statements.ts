import { createHash } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A migration, with the declarations that Cairn adds to TypeORM's. */
export interface DeclaredMigration extends MigrationInterface {
  /** false for CREATE INDEX CONCURRENTLY, which cannot run in a transaction. */
  transaction?: boolean;
  /**
   * The name of an earlier migration. Versions of the application that know it also work on the schema after this
   * migration. Without it, only versions that know this migration do.
   */
  compatibleWith?: string;
}

/**
 * The statements that a migration sends. It is not connected to a database: every query returns no rows.
 * @throws Error if the migration does anything else than sending SQL without parameters
 */
export async function recordStatements(
  migration: MigrationInterface,
  direction: 'up' | 'down',
): Promise<string[]> {
  const statements: string[] = [];
  const query = (sql: string, parameters?: unknown[]) => {
    if (parameters?.length) throw new Error(`${reason}, without parameters`);
    statements.push(sql);
    return Promise.resolve([]);
  };
  const runner = new Proxy({} as QueryRunner, {
    get: (_target, property) => {
      if (property === 'query') return query;
      throw new Error(`${reason}, not with queryRunner.${String(property)}`);
    },
  });
  await migration[direction](runner);
  return statements;
}

const reason = 'Migrations must send SQL with queryRunner.query, so that it can be checked and shown';

/** Identifies what a migration does, whether it was loaded from TypeScript or from JavaScript. */
export async function checksumOf(migration: DeclaredMigration): Promise<string> {
  const sql = [await recordStatements(migration, 'up'), await recordStatements(migration, 'down')];
  const text = JSON.stringify([...sql, migration.transaction !== false]);
  return createHash('sha256').update(text).digest('hex');
}
