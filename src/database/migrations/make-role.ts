/**
 * SQL that makes a role which the application takes, where it is missing, and lets the login role and the schema's owner
 * take it. Roles belong to the whole server, and may serve other databases of it.
 */
export function makeRole(role: string): string {
  return `
    DO $$
    BEGIN
      BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN
          CREATE ROLE ${role} NOLOGIN;
        END IF;
      EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL; -- another database's migration was faster
        WHEN insufficient_privilege THEN
          RAISE EXCEPTION 'The role ${role} is missing, and % may not create it. Have a superuser run the statements of docs/operations.md, "Roles", then run this again.',
            current_user;
      END;
      IF NOT pg_has_role('cairn_login', '${role}', 'MEMBER') THEN
        GRANT ${role} TO cairn_login;
      END IF;
    END $$;
    ${letOwnerTake(role)}`;
}

/** From PostgreSQL 16 on, who makes a role is a member of it, but may not take it. */
export function letOwnerTake(role: string): string {
  return `
    DO $$
    BEGIN
      IF NOT pg_has_role(current_user, '${role}',
        CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
        EXECUTE format('GRANT ${role} TO %I', current_user);
      END IF;
    END $$;`;
}
