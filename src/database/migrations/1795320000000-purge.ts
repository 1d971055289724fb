import { MigrationInterface, QueryRunner } from 'typeorm';
import { lockTables } from './lock-tables';
import { makeRole } from './make-role';

/** What has lain in the trash for long goes, and so do accounts that were deactivated long ago. */
export class Purge1795320000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'sessions', 'tasks'));
    await queryRunner.query(makeRole('cairn_purge'));
    await queryRunner.query(`
      ALTER TABLE users ADD COLUMN deactivated_at timestamptz(3);
      ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
      UPDATE users SET deactivated_at = now() WHERE NOT is_active;
      ALTER TABLE users FORCE ROW LEVEL SECURITY,
        ADD CONSTRAINT users_deactivated_at_check CHECK (is_active = (deactivated_at IS NULL));

      CREATE FUNCTION keep_deactivated_at() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.deactivated_at := CASE WHEN NOT NEW.is_active THEN coalesce(NEW.deactivated_at, now()) END;
        RETURN NEW;
      END $$;
      REVOKE ALL ON FUNCTION keep_deactivated_at() FROM PUBLIC;
      CREATE TRIGGER users_deactivated_at BEFORE INSERT OR UPDATE OF is_active, deactivated_at ON users
        FOR EACH ROW EXECUTE FUNCTION keep_deactivated_at();

      -- A role that sees nothing but what may go.
      GRANT USAGE ON SCHEMA public TO cairn_purge;
      CREATE POLICY purge ON tasks TO cairn_purge USING (deleted_at IS NOT NULL) WITH CHECK (false);
      CREATE POLICY purge ON users TO cairn_purge USING (NOT is_active) WITH CHECK (false);
      CREATE POLICY purge ON sessions TO cairn_purge
        USING (revoked_at IS NOT NULL OR expires_at <= now()) WITH CHECK (false);
      GRANT SELECT (user_id, deleted_at) ON tasks TO cairn_purge;
      GRANT SELECT (id, is_active, deactivated_at), DELETE ON users TO cairn_purge;
      GRANT SELECT (user_id, id, revoked_at, expires_at), DELETE ON sessions TO cairn_purge;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'sessions', 'tasks'));
    await queryRunner.query(`
      DROP POLICY purge ON tasks;
      DROP POLICY purge ON users;
      DROP POLICY purge ON sessions;
      REVOKE ALL ON users, sessions, tasks FROM cairn_purge;
      REVOKE ALL ON SCHEMA public FROM cairn_purge;
      DROP TRIGGER users_deactivated_at ON users;
      DROP FUNCTION keep_deactivated_at();
      ALTER TABLE users DROP COLUMN deactivated_at;
    `);
  }
}
