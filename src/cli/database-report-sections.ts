/** A section of the database report: one statement on statistics and catalogs, which does not read tables. */
export interface Section {
  /** Its key in the JSON. */
  name: string;
  title: string;
  /** What to do if there are rows. */
  advice?: string;
  /** Whether the statement needs to see the activity of other roles, for which PostgreSQL has pg_read_all_stats. */
  needsStatistics?: true;
  /**
   * Columns whose names end with `bytes` are shown with a unit. It must not return values of users: statements only with
   * placeholders.
   */
  sql: string;
}

/** SQL of the tables of users of the database, with their statistics. */
const tablesSql = `pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid`;

/** SQL of their indexes. */
const indexesSql = `pg_stat_user_indexes s JOIN pg_index i USING (indexrelid) JOIN pg_class c ON c.oid = s.indexrelid`;

/** SQL of a percentage with one decimal; null without anything to divide. */
const percentSql = (part: string, whole: string) => `round(100.0 * (${part}) / nullif(${whole}, 0), 1)`;

/** SQL of the seconds since a timestamp. */
const secondsSql = (timestamp: string) => `round(extract(epoch FROM clock_timestamp() - ${timestamp}))`;

export const sections: Section[] = [
  {
    name: 'server',
    title: 'Server',
    sql: `
      SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS is_standby,
        ${secondsSql('pg_postmaster_start_time()')} AS uptime_seconds,
        pg_database_size(current_database()) AS database_bytes,
        (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS statistics_since`,
  },
  {
    name: 'connection_limit',
    title: 'Connections of all databases, against max_connections',
    sql: `
      SELECT used, max_connections, reserved, ${percentSql('used', 'max_connections - reserved')} AS used_percent
      FROM (SELECT sum(numbackends) AS used, current_setting('max_connections')::int AS max_connections,
        current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0)
          AS reserved FROM pg_stat_database) connections`,
  },
  {
    name: 'connections',
    title: 'Connections by role and state',
    needsStatistics: true,
    sql: `
      SELECT datname AS database, usename AS role, application_name AS application, state, count(*) AS connections,
        max(${secondsSql('state_change')}) AS longest_seconds
      FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
      GROUP BY 1, 2, 3, 4 ORDER BY connections DESC, 1, 2, 3, 4 LIMIT 30`,
  },
  {
    name: 'long_transactions',
    title: 'The longest running transactions',
    advice: 'A transaction that is open for minutes keeps locks and prevents vacuum from removing dead rows.',
    needsStatistics: true,
    sql: `
      SELECT pid, usename AS role, application_name AS application, state, ${secondsSql('xact_start')} AS seconds,
        upper(substring(query FROM '^\\s*(\\w+)')) AS command
      FROM pg_stat_activity
      WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'
      ORDER BY xact_start LIMIT 5`,
  },
  {
    name: 'lock_waits',
    title: 'Statements that wait for a lock',
    advice: 'To end a blocking session as a superuser: SELECT pg_terminate_backend(PID)',
    sql: `
      SELECT l.pid, a.usename AS role, ${secondsSql('l.waitstart')} AS seconds, l.locktype AS lock, l.mode,
        l.relation::regclass::text AS table, pg_blocking_pids(l.pid) AS blocked_by
      FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE NOT l.granted AND a.datname = current_database() ORDER BY l.waitstart LIMIT 20`,
  },
  {
    name: 'slow_statements',
    title: 'Statements that take the most time',
    needsStatistics: true,
    // Only kinds of statements whose constants PostgreSQL replaces by placeholders; without those of the report.
    sql: `
      SELECT calls, round(total_exec_time) AS total_ms, round(mean_exec_time::numeric, 2) AS mean_ms,
        round(max_exec_time::numeric, 1) AS max_ms, rows,
        ${percentSql('shared_blks_hit', 'shared_blks_hit + shared_blks_read')} AS cached_percent,
        left(regexp_replace(trim(query), '\\s+', ' ', 'g'), 200) AS statement
      FROM pg_stat_statements
      WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND query ~* '^\\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH)\\s' AND query NOT LIKE 'SELECT to_json(section)%'
      ORDER BY total_exec_time DESC LIMIT 15`,
  },
  {
    name: 'cache_hits',
    title: 'Blocks that were found in shared_buffers',
    sql: `
      SELECT kind, hits, reads, ${percentSql('hits', 'hits + reads')} AS hit_percent
      FROM (SELECT coalesce(sum(heap_blks_hit), 0), coalesce(sum(heap_blks_read), 0),
          coalesce(sum(idx_blks_hit), 0), coalesce(sum(idx_blks_read), 0)
        FROM pg_statio_user_tables) s (table_hits, table_reads, index_hits, index_reads),
        LATERAL (VALUES ('tables', table_hits, table_reads), ('indexes', index_hits, index_reads)) k (kind, hits, reads)`,
  },
  {
    name: 'table_sizes',
    title: 'The largest tables',
    sql: `
      SELECT s.relname AS table, nullif(c.reltuples, -1)::bigint AS estimated_rows, pg_table_size(s.relid) AS table_bytes,
        pg_indexes_size(s.relid) AS index_bytes, pg_total_relation_size(s.relid) AS total_bytes
      FROM ${tablesSql} ORDER BY total_bytes DESC, 1 LIMIT 20`,
  },
  {
    name: 'index_use',
    title: 'Use of the largest indexes',
    sql: `
      SELECT s.relname AS table, s.indexrelname AS index, s.idx_scan AS scans, pg_relation_size(s.indexrelid) AS bytes
      FROM ${indexesSql} ORDER BY bytes DESC, 1, 2 LIMIT 50`,
  },
  {
    name: 'unused_indexes',
    title: 'Indexes without a scan that enforce no constraint',
    advice:
      'Only the statistics of this server count: look at statistics_since, and at standbys that serve reads, before you drop one.',
    sql: `
      SELECT s.relname AS table, s.indexrelname AS index, pg_relation_size(s.indexrelid) AS bytes
      FROM ${indexesSql}
      WHERE s.idx_scan = 0 AND i.indisvalid AND NOT i.indisunique
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = s.indexrelid)
      ORDER BY bytes DESC, 1, 2 LIMIT 50`,
  },
  {
    name: 'invalid_indexes',
    title: 'Indexes that are not valid',
    advice:
      'Unless it is being built, rebuild it: REINDEX INDEX CONCURRENTLY name. One whose name ends with _ccnew: drop it.',
    sql: `
      SELECT s.relname AS table, s.indexrelname AS index, pg_relation_size(s.indexrelid) AS bytes,
        EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = s.indexrelid) AS is_being_built
      FROM ${indexesSql} WHERE NOT i.indisvalid ORDER BY 1, 2`,
  },
  {
    name: 'sequential_scans',
    title: 'Tables that are often read completely: 50 scans or more, of 10,000 rows on average',
    advice: 'A statement may lack an index. Dumps and exports read completely too.',
    sql: `
      SELECT s.relname AS table, s.seq_scan AS scans, s.seq_tup_read / s.seq_scan AS rows_per_scan,
        s.idx_scan AS index_scans, pg_relation_size(s.relid) AS bytes
      FROM ${tablesSql} WHERE s.seq_scan >= 50 AND s.seq_tup_read / nullif(s.seq_scan, 0) >= 10000
      ORDER BY s.seq_tup_read DESC LIMIT 20`,
  },
  {
    name: 'foreign_keys_without_index',
    title: 'Foreign keys without an index that begins with their columns',
    advice: 'Deleting a referenced row reads the whole table.',
    // Of partial indexes, those on rows with a reference serve too.
    sql: `
      SELECT k.conrelid::regclass::text AS table, k.conname AS constraint, k.confrelid::regclass::text AS referenced_table,
        (SELECT string_agg(attname, ', ' ORDER BY place) FROM unnest(k.conkey) WITH ORDINALITY keys (attnum, place)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = keys.attnum) AS columns
      FROM pg_constraint k JOIN pg_stat_user_tables s ON s.relid = k.conrelid
      WHERE k.contype = 'f' AND NOT EXISTS (
        SELECT FROM pg_index i
        WHERE i.indrelid = k.conrelid AND i.indisvalid
          AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
          AND (i.indpred IS NULL OR EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
              AND pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname))))
      ORDER BY 1, 2`,
  },
  {
    name: 'dead_rows',
    title: 'Dead rows that vacuum has not removed yet, as estimated by PostgreSQL',
    advice: 'A high percentage that does not fall: look for long transactions, then run VACUUM on the table.',
    sql: `
      SELECT s.relname AS table, s.n_live_tup AS live_rows, s.n_dead_tup AS dead_rows,
        ${percentSql('s.n_dead_tup', 's.n_live_tup + s.n_dead_tup')} AS dead_percent,
        greatest(s.last_vacuum, s.last_autovacuum) AS last_vacuum, greatest(s.last_analyze, s.last_autoanalyze) AS last_analyze
      FROM ${tablesSql} WHERE s.n_dead_tup > 0 ORDER BY s.n_dead_tup DESC, 1 LIMIT 20`,
  },
  {
    name: 'wraparound',
    title: 'Age of the oldest transaction id, against the 2,000 million at which writes stop',
    sql: `
      SELECT age(datfrozenxid) AS transaction_age, mxid_age(datminmxid) AS multixact_age,
        current_setting('autovacuum_freeze_max_age')::int AS vacuum_forced_at,
        ${percentSql('greatest(age(datfrozenxid), mxid_age(datminmxid))', '2000000000')} AS used_percent
      FROM pg_database WHERE datname = current_database()`,
  },
  {
    name: 'standbys',
    title: 'Standbys and other receivers of the write-ahead log',
    needsStatistics: true,
    sql: `
      SELECT application_name AS application, host(client_addr) AS address, state, sync_state AS synchronization,
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - replay_lsn AS lag_bytes,
        round(extract(epoch FROM replay_lag)::numeric, 3) AS lag_seconds
      FROM pg_stat_replication ORDER BY 1, 2`,
  },
  {
    name: 'replay',
    title: 'This server as a standby',
    sql: `
      SELECT pg_is_wal_replay_paused() AS is_paused, pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() AS lag_bytes,
        CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
          ELSE ${secondsSql('pg_last_xact_replay_timestamp()')} END AS lag_seconds,
        pg_last_xact_replay_timestamp() AS last_transaction
      WHERE pg_is_in_recovery()`,
  },
];
