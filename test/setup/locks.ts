import type { TestApp } from './app';

/**
 * Blocks the application's next writes of one kind, inside their transactions, until they are unblocked.
 * @param event such as `INSERT ON tasks`
 * @returns unblocks them, all at once
 */
export async function blockWrites(
  app: Pick<TestApp, 'database'>,
  event: string,
): Promise<() => Promise<void>> {
  const client = await app.database.connect();
  // Without a lock timeout, so that a slow machine can bring several writes to the same point.
  await client.query(`
    CREATE FUNCTION block_writes() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM set_config('lock_timeout', '0', true), pg_advisory_xact_lock_shared(4711);
        RETURN coalesce(NEW, OLD);
      END $$;
    CREATE TRIGGER a_block_writes BEFORE ${event} FOR EACH ROW EXECUTE FUNCTION block_writes();
    SELECT pg_advisory_lock(4711)`);
  return async () => {
    await client.query('SELECT pg_advisory_unlock(4711)');
    await client.query('DROP FUNCTION block_writes() CASCADE');
    client.release();
  };
}

/**
 * Blocks the application's next reads of a table, inside their transactions, until they are unblocked.
 * @returns unblocks them, all at once
 */
export async function blockReads(app: TestApp, table: string): Promise<() => Promise<void>> {
  const client = await app.database.connect();
  await client.query(`
    CREATE FUNCTION block_reads() RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM set_config('lock_timeout', '0', true), pg_advisory_xact_lock_shared(4712);
        RETURN true;
      END $$;
    CREATE POLICY block_reads ON ${table} AS RESTRICTIVE FOR SELECT TO cairn_app USING ((SELECT block_reads()));
    SELECT pg_advisory_lock(4712)`);
  return async () => {
    await client.query('SELECT pg_advisory_unlock(4712)');
    await client.query('DROP FUNCTION block_reads() CASCADE');
    client.release();
  };
}

/**
 * Waits until so many statements in the application's database wait for a lock.
 * @param request gives up waiting when this request has ended
 */
export async function waitForLockWaits(
  app: Pick<TestApp, 'database'>,
  count: number,
  request?: Promise<unknown>,
): Promise<void> {
  let hasEnded = false;
  void request?.finally(() => (hasEnded = true));
  const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  while (!hasEnded && (await app.database.query(text)).rowCount! < count);
}
