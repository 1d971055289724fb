import type { TestApp } from './app';

/** The clock of the rate limits in a database, which stands still until a test moves it. */
export class LimitClock {
  private constructor(private readonly app: TestApp) {}

  /** Replaces the clock that `count_hits` reads, for all instances on the database. */
  static async freeze(app: TestApp): Promise<LimitClock> {
    // Ahead of the real time, so that limits which the application frees at once, by now(), are free.
    await app.database.query(`
      CREATE SCHEMA limit_clock;
      CREATE TABLE limit_clock.current AS SELECT date_trunc('second', now()) + interval '1 day' AS time;
      CREATE FUNCTION limit_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT time FROM limit_clock.current';
      CREATE FUNCTION limit_clock.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT time FROM limit_clock.current';
      GRANT USAGE ON SCHEMA limit_clock TO PUBLIC;
      GRANT SELECT ON limit_clock.current TO PUBLIC;
      ALTER FUNCTION count_hits SET search_path = limit_clock, pg_catalog, public`);
    await app.database.query(`SELECT count_hits('{probe}', '{1}', '{600}', '{0}', 1)`);
    const { rowCount } = await app.database.query(
      `DELETE FROM rate_limits WHERE key = 'probe' AND resets_at = (SELECT time + interval '600 s' FROM limit_clock.current)`,
    );
    if (rowCount !== 1) throw new Error('count_hits does not read the clock of the test.');
    return new LimitClock(app);
  }

  async advance(seconds: number): Promise<void> {
    await this.app.database.query(`UPDATE limit_clock.current SET time = time + $1 * interval '1 s'`, [
      seconds,
    ]);
  }
}
