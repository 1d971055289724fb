import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { ConfigError } from '../core/config';
import { Baseline1795276800000, earlierVersionMessage } from './migrations/1795276800000-baseline';
import { checksumOf, DeclaredMigration, recordStatements } from './recorded-statements';

/** A migration of the source code. */
export interface KnownMigration {
  name: string;
  timestamp: number;
  instance: DeclaredMigration;
  checksum: string;
}

/** A row of the table `migrations`. */
interface AppliedMigration {
  id: number;
  name: string;
  /** Null until the first run that stores it. */
  checksum: string | null;
  compatible_with: string | null;
}

/** A line of `migration:show`. */
export interface MigrationStatus {
  name: string;
  /** The position in which it was applied; undefined if it is pending. */
  id?: number;
  /** Whether the source code contains it. */
  isKnown: boolean;
  /** Whether its SQL differs from the SQL that was applied. */
  isEdited: boolean;
}

/** How long a migration waits for a lock, and how often it tries again. Statements of the application queue behind it. */
export interface LockPolicy {
  /** Milliseconds. */
  timeout: number;
  attempts: number;
  /** Milliseconds before the second attempt. Doubled for each further one, up to 10 seconds. */
  firstDelay: number;
}

const defaultLockPolicy: LockPolicy = { timeout: 3000, attempts: 10, firstDelay: 1000 };

/** The key of the advisory lock that a process holds while it migrates. */
const lockKeySql = `hashtext('cairn migrations')`;

/** Error codes of PostgreSQL after which a transaction can be repeated: lock_not_available and deadlock_detected. */
const lockErrors = ['55P03', '40P01'];

/**
 * Applies and reverts migrations, each in a transaction unless it declares otherwise. One process does so at a time. The
 * table `migrations` is TypeORM's, with two more columns.
 */
export class Migrator {
  /** @param log receives lines for the operator */
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: (line: string) => void,
    private readonly lockPolicy = defaultLockPolicy,
  ) {}

  /**
   * Applies the pending migrations.
   * @returns the applied ones
   * @throws ConfigError if an applied migration was edited, or if an earlier development version created the database
   */
  async run(): Promise<KnownMigration[]> {
    return this.withLock(async (runner) => {
      const known = await this.known();
      const pending = this.pendingOf(known, await appliedMigrations(runner));
      await this.inTransaction(runner, 'The preparation of the table migrations', () => prepareTable(runner));
      await storeDeclarations(runner, known);
      await this.rebuildInvalidIndexes(runner, pending);
      for (const migration of pending) {
        const start = Date.now();
        await this.apply(runner, migration, async () => {
          await migration.instance.up(runner);
          await runner.query(
            'INSERT INTO migrations (timestamp, name, checksum, compatible_with) VALUES ($1, $2, $3, $4)',
            [
              migration.timestamp,
              migration.name,
              migration.checksum,
              migration.instance.compatibleWith ?? null,
            ],
          );
        });
        this.log(`Migration ${migration.name} has been applied (${Date.now() - start} ms).`);
      }
      if (pending.length === 0) this.log('No migrations are pending.');
      return pending;
    });
  }

  /** The SQL of the pending migrations. Changes nothing. */
  async dryRun(): Promise<string> {
    const pending = this.pendingOf(await this.known(), await appliedMigrations(this.dataSource));
    if (pending.length === 0) return '-- No migrations are pending.\n';
    const scripts = pending.map(async ({ name, instance }) => {
      const statements = (await recordStatements(instance, 'up')).map((sql) =>
        /;\s*$/.test(sql) ? sql.trim() : `${sql.trim()};`,
      );
      const isTransactional = instance.transaction !== false;
      return [
        `-- ${name}${isTransactional ? '' : ' (not in a transaction)'}`,
        ...(isTransactional ? ['BEGIN;', ...statements, 'COMMIT;'] : statements),
      ].join('\n\n');
    });
    return `${(await Promise.all(scripts)).join('\n\n')}\n`;
  }

  /**
   * Reverts the last applied migration, or those that were applied after the migration `to`.
   * @param confirm is asked with their names, in the order in which they are reverted
   * @returns their names
   */
  async revert(to: string | undefined, confirm: (names: string[]) => Promise<void>): Promise<string[]> {
    return this.withLock(async (runner) => {
      const known = await this.known();
      const applied = (await appliedMigrations(runner)).reverse();
      const last = to === undefined ? 1 : applied.findIndex(({ name }) => name === to);
      if (last < 0) {
        const names = applied.map(({ name }) => name).join(', ');
        throw new ConfigError(
          `The migration ${to} is not applied. Applied, latest first: ${names || 'none'}.`,
        );
      }
      const reverted = applied.slice(0, last).map((row) => {
        const migration = known.find(({ name }) => name === row.name);
        if (!migration) {
          throw new ConfigError(
            `This version of Cairn does not contain the migration ${row.name}. Revert it with the version that applied it.`,
          );
        }
        if (isEdited(migration, row)) throw new ConfigError(editedMessage([row.name]));
        return migration;
      });
      const names = reverted.map(({ name }) => name);
      if (names.length === 0) {
        this.log('No migrations to revert.');
        return names;
      }
      await confirm(names);
      for (const migration of reverted) {
        await this.apply(runner, migration, async () => {
          await migration.instance.down(runner);
          await runner.query('DELETE FROM migrations WHERE name = $1', [migration.name]);
        });
        this.log(`Migration ${migration.name} has been reverted.`);
      }
      return names;
    });
  }

  /** All migrations: the applied ones in the order in which they were applied, then the pending ones. */
  async status(): Promise<MigrationStatus[]> {
    const known = await this.known();
    const applied = await appliedMigrations(this.dataSource);
    const isApplied = ({ name }: KnownMigration) => applied.some((row) => row.name === name);
    return [
      ...applied.map((row) => {
        const migration = known.find(({ name }) => name === row.name);
        return {
          name: row.name,
          id: row.id,
          isKnown: migration !== undefined,
          isEdited: migration !== undefined && isEdited(migration, row),
        };
      }),
      ...known
        .filter((migration) => !isApplied(migration))
        .map(({ name }) => ({ name, isKnown: true, isEdited: false })),
    ];
  }

  /** The migrations of the source code, in their order. */
  private async known(): Promise<KnownMigration[]> {
    const all = this.dataSource.migrations
      .map((instance: DeclaredMigration) => {
        const name = instance.name ?? instance.constructor.name;
        return { name, timestamp: Number(name.slice(-13)), instance };
      })
      .sort((one, other) => one.timestamp - other.timestamp);
    const migrations = all.map(async ({ name, timestamp, instance }) => {
      const { compatibleWith } = instance;
      if (compatibleWith !== undefined && !all.some((other) => other.name === compatibleWith)) {
        throw new ConfigError(`${name} declares compatibleWith = '${compatibleWith}', which does not exist.`);
      }
      return { name, timestamp, instance, checksum: await checksumOf(instance) };
    });
    return Promise.all(migrations);
  }

  private pendingOf(known: KnownMigration[], applied: AppliedMigration[]): KnownMigration[] {
    refuseEarlierVersion(applied.map(({ name }) => name));
    const edited = applied.filter((row) => {
      const migration = known.find(({ name }) => name === row.name);
      return migration && isEdited(migration, row);
    });
    if (edited.length > 0) throw new ConfigError(editedMessage(edited.map(({ name }) => name)));
    const unknown = applied.filter((row) => !known.some(({ name }) => name === row.name));
    if (unknown.length > 0) {
      const names = unknown.map(({ name }) => name).join(', ');
      this.log(
        `A newer version of Cairn has applied migrations that this version does not contain: ${names}.`,
      );
    }
    return known.filter(({ name }) => !applied.some((row) => row.name === name));
  }

  /** Runs `work` on a connection that holds the lock. The server releases the lock when the connection ends. */
  private async withLock<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    try {
      // The role can have the time limits of the application.
      await runner.query('SET statement_timeout = 0');
      await runner.query('SET idle_in_transaction_session_timeout = 0');
      // Polls, because a waiting statement would block a CREATE INDEX CONCURRENTLY of the migration.
      for (let attempt = 0; !(await tryLock(runner)); attempt++) {
        if (attempt === 0) this.log(await waitMessage(runner));
        await delay(100);
      }
      try {
        return await work(runner);
      } finally {
        // If the connection is lost, so is the lock, and the error of `work` is the one to report.
        await runner.query(`SELECT pg_advisory_unlock(${lockKeySql})`).catch(() => undefined);
      }
    } finally {
      await runner.release();
    }
  }

  /** Runs the statements of a migration, in a transaction unless it declares otherwise. */
  private async apply(
    runner: QueryRunner,
    { name, instance }: KnownMigration,
    work: () => Promise<void>,
  ): Promise<void> {
    if (instance.transaction !== false) return this.inTransaction(runner, `Migration ${name}`, work);
    // CONCURRENTLY waits for older transactions without blocking others.
    await runner.query('SET lock_timeout = 0');
    await work().catch((error: unknown) => {
      const hint = 'It runs without a transaction: statements before the failed one have taken effect.';
      throw new ConfigError(`Migration ${name} failed. ${hint} ${reasonOf(error)}`, { cause: error });
    });
  }

  /**
   * Repeats the work while other transactions hold a lock that it needs.
   * @throws ConfigError that says what remains to be done
   */
  private async inTransaction(
    runner: QueryRunner,
    subject: string,
    work: () => Promise<void>,
  ): Promise<void> {
    const { timeout, attempts, firstDelay } = this.lockPolicy;
    await runner.query(`SET lock_timeout = ${timeout}`);
    for (let attempt = 1; ; attempt++) {
      await runner.startTransaction();
      try {
        await work();
        return await runner.commitTransaction();
      } catch (error) {
        await runner.rollbackTransaction().catch(() => undefined);
        if (!lockErrors.includes((error as { code?: string }).code ?? '')) {
          const hint = 'Nothing of it has taken effect.';
          throw new ConfigError(`${subject} failed. ${hint} ${reasonOf(error)}`, { cause: error });
        }
        const problem = `${subject} needs a lock that another transaction holds. Attempt ${attempt} of ${attempts} failed`;
        if (attempt === attempts) {
          throw new ConfigError(
            `${problem}. Nothing of it has taken effect. See docs/operations.md, "Migrations that wait for locks".`,
            { cause: error },
          );
        }
        const wait = Math.min(firstDelay * 2 ** (attempt - 1), 10_000);
        this.log(`${problem}; the next follows in ${wait / 1000} seconds.`);
        await delay(wait);
      }
    }
  }

  /**
   * An interrupted CREATE INDEX CONCURRENTLY leaves an index that is not valid. It is dropped if a pending migration
   * creates it or if it is a copy that REINDEX left, and rebuilt otherwise.
   */
  private async rebuildInvalidIndexes(runner: QueryRunner, pending: KnownMigration[]): Promise<void> {
    const invalid = (await runner.query(`
      SELECT relname AS name, quote_ident(relname) AS identifier FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
      WHERE NOT indisvalid AND relkind = 'i' AND relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = indexrelid)
      ORDER BY relname`)) as { name: string; identifier: string }[];
    if (invalid.length === 0) return;
    const statements = await Promise.all(pending.map(({ instance }) => recordStatements(instance, 'up')));
    const created = statements
      .flat()
      .flatMap((sql) => [...sql.matchAll(/\bINDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)/gi)])
      .map(([, name]) => name);
    await runner.query('SET lock_timeout = 0');
    const isToDrop = (name: string) => created.includes(name) || /_cc(new|old)\d*$/.test(name);
    // First drops the copies that a failed REINDEX has left: the next one may fail again.
    invalid.sort((a, b) => Number(isToDrop(b.name)) - Number(isToDrop(a.name)));
    for (const { name, identifier } of invalid) {
      const isDropped = isToDrop(name);
      this.log(
        `The index ${name} is not valid, because its creation was interrupted. It is ${isDropped ? 'dropped' : 'rebuilt'}.`,
      );
      const text = `${isDropped ? 'DROP' : 'REINDEX'} INDEX CONCURRENTLY public.${identifier}`;
      await runner.query(text).catch((error: unknown) => {
        const hint = `Correct the cause, or drop the index: DROP INDEX CONCURRENTLY ${identifier}.`;
        throw new ConfigError(`${text} failed. ${hint} ${reasonOf(error)}`, { cause: error });
      });
    }
  }
}

/** Earlier development versions did not have the baseline migration. */
export function refuseEarlierVersion(applied: string[]): void {
  if (applied.length > 0 && !applied.includes(Baseline1795276800000.name)) {
    throw new ConfigError(`Cairn cannot start. ${earlierVersionMessage}`);
  }
}

function isEdited({ checksum }: KnownMigration, row: AppliedMigration): boolean {
  return row.checksum !== null && row.checksum !== checksum;
}

function editedMessage(names: string[]): string {
  return (
    `These migrations were edited after they had been applied: ${names.join(', ')}. Restore them as they were applied, and write ` +
    'a new migration for the change. See docs/operations.md, "An edited migration".'
  );
}

/** PostgreSQL's message. */
function reasonOf(error: unknown): string {
  const { message, detail, hint } = error as Error & { detail?: string; hint?: string };
  return [message, detail, hint].filter(Boolean).join(' ');
}

async function tryLock(runner: QueryRunner): Promise<boolean> {
  const rows = (await runner.query(`SELECT pg_try_advisory_lock(${lockKeySql}) AS "isLocked"`)) as {
    isLocked: boolean;
  }[];
  return rows[0]!.isLocked;
}

async function waitMessage(runner: QueryRunner): Promise<string> {
  const holders =
    (await runner.query(`SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND objid = (${lockKeySql}::bigint & 4294967295)::oid`)) as { pid: number }[];
  const pid = holders[0] ? ` (process ${holders[0].pid} of the server)` : '';
  return `Another command is migrating this database${pid}. Waiting until it ends.`;
}

/** Creates the table as TypeORM would, and adds the columns for checksums and compatibility. */
async function prepareTable(runner: QueryRunner): Promise<void> {
  const columns = await columnsOfTable(runner);
  if (columns.length === 0) {
    await runner.query(
      'CREATE TABLE public.migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL)',
    );
  }
  if (!columns.includes('checksum')) {
    await runner.query('ALTER TABLE public.migrations ADD checksum text, ADD compatible_with text');
  }
}

async function columnsOfTable(source: DataSource | QueryRunner): Promise<string[]> {
  const rows = (await source.query(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass('public.migrations') AND attnum > 0`,
  )) as { name: string }[];
  return rows.map(({ name }) => name);
}

/**
 * In the order in which they were applied.
 * @throws ConfigError if the role may not read the table
 */
async function appliedMigrations(source: DataSource | QueryRunner): Promise<AppliedMigration[]> {
  const columns = await columnsOfTable(source);
  if (columns.length === 0) return [];
  const added = columns.includes('checksum')
    ? 'checksum, compatible_with'
    : 'NULL AS checksum, NULL AS compatible_with';
  const text = `SELECT id, name, ${added} FROM public.migrations ORDER BY id`;
  return source.query(text).catch((error: { code?: string }) => {
    if (error.code !== '42501') throw error as Error;
    throw new ConfigError(
      'The role has no rights on the table migrations. Set MIGRATION_DATABASE_URL to the URL of the schema owner.',
    );
  }) as Promise<AppliedMigration[]>;
}

/** Stores the checksums of migrations that were applied before checksums were stored, and changed declarations. */
async function storeDeclarations(runner: QueryRunner, known: KnownMigration[]): Promise<void> {
  for (const { name, checksum, instance } of known) {
    await runner.query(
      `UPDATE migrations SET checksum = $2, compatible_with = $3
       WHERE name = $1 AND (checksum, compatible_with) IS DISTINCT FROM ($2::text, $3::text)`,
      [name, checksum, instance.compatibleWith ?? null],
    );
  }
}
