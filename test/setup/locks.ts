import type { TestApp } from './app';

/**
 * Stops the application in the middle of what it does: at its next writes of a kind, until they are let go.
 * @param event such as `INSERT ON tasks`
 * @returns lets them go, all at once
 */
export async function holdUp(app: TestApp, event: string): Promise<() => Promise<void>> {
  const client = await app.database.connect();
  await client.query(`
    CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN coalesce(NEW, OLD); END';
    CREATE TRIGGER a_hold_up BEFORE ${event} FOR EACH ROW EXECUTE FUNCTION hold_up();
    SELECT pg_advisory_lock(4711)`);
  return async () => {
    await client.query('SELECT pg_advisory_unlock(4711)');
    await client.query('DROP FUNCTION hold_up() CASCADE');
    client.release();
  };
}

/** Resolves when so many statements of the application wait for a lock, or when something else is over. */
export async function waiting(app: TestApp, count: number, other?: Promise<unknown>): Promise<void> {
  let isOver = false;
  void other?.finally(() => (isOver = true));
  const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  while (!isOver && (await app.database.query(text)).rowCount! < count);
}
