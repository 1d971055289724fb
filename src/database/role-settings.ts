/**
 * The settings of the role that the application connects as. They are stored with the role, because poolers such as
 * PgBouncer refuse them as start-up parameters.
 *
 * Timeouts: the server cancels a statement that takes longer, and the response is 503. UTC. Page costs of a solid-state
 * disk, so that PostgreSQL prefers indexes that provide the order. Only generic plans (docs/decisions/0016).
 */
export const roleSettings = {
  statement_timeout: '8s',
  lock_timeout: '4s',
  idle_in_transaction_session_timeout: '16s',
  TimeZone: 'UTC',
  random_page_cost: '1.1',
  plan_cache_mode: 'force_generic_plan',
} as const;

/** The settings but the timeouts, as a start-up parameter: for connections of other roles in tests and benchmarks. */
export const startupOptions = Object.entries(roleSettings)
  .filter(([name]) => !name.endsWith('_timeout'))
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');

/** SQL of the settings that the connection does not have. Columns: name. */
export const missingSettingsSql = `SELECT name FROM (VALUES ${Object.entries(roleSettings)
  .map(([name, value]) => `('${name}', '${value}')`)
  .join(', ')}) AS required (name, value) WHERE current_setting(name) <> value`;

/** SQL that stores the settings. A role may change its own. @param roleSql of ALTER ROLE */
export function storeSettingsSql(roleSql: string, names = Object.keys(roleSettings)): string {
  const values: Record<string, string> = roleSettings;
  return names.map((name) => `ALTER ROLE ${roleSql} SET ${name} = '${values[name]}'`).join('; ');
}
