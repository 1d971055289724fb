import { onDatabase } from './server';

/** Everything that makes a schema, as PostgreSQL itself writes it down. */
export const schemaLines = (url: string): Promise<string[]> =>
  onDatabase(url, async (client) => {
    const { rows } = await client.query<{ line: string }>(`
      SELECT format('column %s.%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
          CASE WHEN attnotnull THEN 'not null' END, pg_get_expr(adbin, adrelid)) AS line
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND relkind = 'r' AND relnamespace = 'public'::regnamespace
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped
      UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
      UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
      UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL SELECT format('security of %s: %s %s', relname, relrowsecurity, relforcerowsecurity)
        FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
      UNION ALL SELECT format('policy %s on %s for %s to %s: %s, %s', policyname, tablename, cmd, roles, qual, with_check)
        FROM pg_policies WHERE schemaname = 'public'
      UNION ALL SELECT format('grant %s on %s to %s', privilege_type, table_name, grantee)
        FROM information_schema.table_privileges WHERE table_schema = 'public'
      UNION ALL SELECT format('grant %s on %s.%s to %s', privilege_type, table_name, column_name, grantee)
        FROM information_schema.column_privileges WHERE table_schema = 'public'
      UNION ALL SELECT format('grant %s on %s to %s', privilege_type, routine_name, grantee)
        FROM information_schema.routine_privileges WHERE routine_schema = 'public'
      UNION ALL SELECT format('grant %s on schema to %s', privilege_type, grantee::regrole)
        FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'public' AND grantee <> nspowner
      UNION ALL SELECT format('default grant %s on %s to %s', privilege_type, defaclobjtype, grantee::regrole)
        FROM pg_default_acl, aclexplode(defaclacl) WHERE grantee <> defaclrole
      UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      ORDER BY 1`);
    return rows.map(({ line }) => line);
  });
