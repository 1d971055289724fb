import { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Roles and policies. Roles belong to the whole server, and may serve other databases of it: they are made where they
 * are missing, and left where they are when this is reverted.
 */
export class Walls1795222800000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DO $$
      DECLARE
        wanted record;
      BEGIN
        FOR wanted IN SELECT * FROM (VALUES
          ('cairn_app', 'NOLOGIN'), ('cairn_auth', 'NOLOGIN'), ('cairn_login', 'LOGIN NOINHERIT')
        ) AS roles (name, attributes) LOOP
          BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
              EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
              IF wanted.name = 'cairn_login' THEN
                ALTER ROLE cairn_login SET statement_timeout = '8s';
                ALTER ROLE cairn_login SET lock_timeout = '4s';
                ALTER ROLE cairn_login SET idle_in_transaction_session_timeout = '16s';
              END IF;
            END IF;
          EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- another database's migration was faster
            WHEN insufficient_privilege THEN
              RAISE EXCEPTION 'The role % is missing, and % may not create it. Have a superuser run the statements of docs/operations.md, "Roles", then run this again.',
                wanted.name, current_user;
          END;
        END LOOP;
        IF NOT pg_has_role('cairn_login', 'cairn_app', 'MEMBER') OR NOT pg_has_role('cairn_login', 'cairn_auth', 'MEMBER') THEN
          GRANT cairn_app, cairn_auth TO cairn_login;
        END IF;
        -- So that a server with a single role works too: it takes the restricted roles like any other login.
        IF NOT pg_has_role(current_user, 'cairn_app', 'MEMBER') OR NOT pg_has_role(current_user, 'cairn_auth', 'MEMBER') THEN
          EXECUTE format('GRANT cairn_app, cairn_auth TO %I', current_user);
        END IF;
      END $$;
    `);

    await queryRunner.query(`
      -- Null where nobody has entered: then no row is anybody's. (A setting that was local is empty afterwards.)
      CREATE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
        RETURN nullif(current_setting('cairn.user_id', true), '')::uuid;

      -- From here to the end of the transaction: this user, and no right but the user's.
      CREATE FUNCTION act_as(user_id uuid) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM set_config('cairn.user_id', user_id::text, true), set_config('role', 'cairn_app', true);
      END $$;

      -- The beginning of every request: the session lives, and its user may act. Else SQLSTATE ZC401.
      CREATE FUNCTION enter(session_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM set_config('role', 'cairn_auth', true);
        PERFORM 1 FROM sessions s JOIN users u ON u.id = s.user_id
          WHERE s.user_id = enter.user_id AND s.id = enter.session_id
            AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active;
        IF NOT FOUND THEN
          RAISE EXCEPTION 'session is not alive' USING ERRCODE = 'ZC401';
        END IF;
        PERFORM act_as(enter.user_id);
      END $$;

      -- For the application's start: it may not read the table itself.
      CREATE FUNCTION applied_migrations() RETURNS SETOF varchar LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = public, pg_temp AS 'SELECT name FROM migrations';

      REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
      REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
      REVOKE CREATE ON SCHEMA public FROM PUBLIC;
      GRANT USAGE ON SCHEMA public TO cairn_login, cairn_app, cairn_auth;
      GRANT EXECUTE ON FUNCTION enter(uuid, uuid), act_as(uuid), applied_migrations() TO cairn_login;
      GRANT EXECUTE ON FUNCTION act_as(uuid) TO cairn_auth;
      GRANT EXECUTE ON FUNCTION current_user_id() TO cairn_app;
    `);

    await queryRunner.query(`
      ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE goals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

      -- The function stands in a subselect: it is called once for a statement, not once for a row.
      CREATE POLICY owner ON users TO cairn_app
        USING (id = (SELECT current_user_id())) WITH CHECK (id = (SELECT current_user_id()));
      CREATE POLICY owner ON sessions TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
      CREATE POLICY owner ON goals TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
      CREATE POLICY owner ON tasks TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

      CREATE POLICY authenticator ON users TO cairn_auth USING (true) WITH CHECK (true);
      CREATE POLICY authenticator ON sessions TO cairn_auth USING (true) WITH CHECK (true);

      -- What the owner may do. Keys, created_at and what triggers keep are not to be changed; hashes not to be seen.
      GRANT SELECT (id, email, username, full_name, is_active, is_verified, is_superuser, timezone, last_login_at,
          email_verified_at, created_at, updated_at), UPDATE (username, full_name, timezone), DELETE ON users TO cairn_app;
      GRANT SELECT, UPDATE (revoked_at) ON sessions TO cairn_app;
      GRANT SELECT, INSERT, DELETE, UPDATE (parent_goal_id, title, description, horizon, target_date, status, progress,
          success_criteria, metrics, project_name) ON goals TO cairn_app;
      GRANT SELECT, INSERT, DELETE, UPDATE (goal_id, parent_task_id, title, description, notes, status, priority, category,
          due_date, estimated_hours, actual_hours, project_name, repository_path, deleted_at) ON tasks TO cairn_app;

      -- What sign-up, sign-in and refresh do. No right on tasks and goals.
      GRANT SELECT, INSERT, UPDATE (last_login_at) ON users TO cairn_auth;
      GRANT SELECT, INSERT, UPDATE (generation, last_used_at, expires_at, revoked_at) ON sessions TO cairn_auth;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      REVOKE ALL ON ALL TABLES IN SCHEMA public FROM cairn_app, cairn_auth;
      REVOKE ALL ON SCHEMA public FROM cairn_login, cairn_app, cairn_auth;
      DROP POLICY owner ON users;
      DROP POLICY owner ON sessions;
      DROP POLICY owner ON goals;
      DROP POLICY owner ON tasks;
      DROP POLICY authenticator ON users;
      DROP POLICY authenticator ON sessions;
      ALTER TABLE users DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
      ALTER TABLE sessions DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
      ALTER TABLE goals DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
      ALTER TABLE tasks DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
      DROP FUNCTION enter(uuid, uuid), act_as(uuid), current_user_id(), applied_migrations();
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC;
    `);
  }
}
