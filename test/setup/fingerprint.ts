import { schemaLines } from './schema-lines';
import { onDatabase } from './server';

/** Everything that a restore has to bring back, in a form that can be compared. */
export interface Fingerprint {
  /** Number of rows and checksum by table. */
  tables: Record<string, { rows: number; checksum: string }>;
  /** Columns, constraints, indexes, triggers, policies, grants, functions. */
  schema: string[];
  /** Owners, sequences, privileges on the database, and indexes and constraints that are not valid. */
  objects: string[];
  /** The attributes, settings and memberships of the roles. */
  roles: string[];
}

/** @param url for a superuser */
export async function fingerprint(url: string): Promise<Fingerprint> {
  const schema = await schemaLines(url);
  return onDatabase(url, async (client) => {
    await client.query(`SET TimeZone = 'UTC'; SET work_mem = '256MB'`);
    const linesOf = async (text: string) =>
      (await client.query<{ line: string }>(`${text} ORDER BY 1`)).rows.map(({ line }) => line);
    const names = await linesOf(`SELECT oid::regclass::text AS line FROM pg_class
      WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`);
    const tables: Fingerprint['tables'] = {};
    for (const name of names) {
      const { rows } = await client.query<{ rows: number; checksum: string }>(
        `SELECT count(*)::integer AS rows, coalesce(sum(hashtextextended(t::text, 0)), 0)::text AS checksum FROM ${name} t`,
      );
      tables[name] = rows[0]!;
    }
    const objects = await linesOf(`
      SELECT format('%s is owned by %s', oid::regclass, pg_get_userbyid(relowner)) AS line
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
      UNION ALL SELECT format('%s is owned by %s', oid::regprocedure, pg_get_userbyid(proowner))
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      UNION ALL SELECT format('%s.%s is at %s', schemaname, sequencename, last_value) FROM pg_sequences
      UNION ALL SELECT format('%s may %s in the database', grantee::regrole, privilege_type)
        FROM pg_database, aclexplode(datacl) WHERE datname = current_database()
      UNION ALL SELECT format('invalid: %s', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid
      UNION ALL SELECT format('not validated: %s', conname) FROM pg_constraint WHERE NOT convalidated`);
    const roles = await linesOf(`
      SELECT format('%s: login %s, inherit %s, bypass %s, superuser %s, createrole %s, settings %s', rolname, rolcanlogin,
          rolinherit, rolbypassrls, rolsuper, rolcreaterole,
          (SELECT array_agg(setting ORDER BY setting) FROM unnest(rolconfig) setting)) AS line
        FROM pg_roles WHERE rolname LIKE 'cairn%'
      UNION ALL SELECT format('%s can switch to %s', member.rolname, role.rolname)
        FROM pg_roles member JOIN pg_roles role ON role.oid <> member.oid AND pg_has_role(member.oid, role.oid,
          CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)
        WHERE member.rolname LIKE 'cairn%'`);
    return { tables, schema, objects, roles };
  });
}
