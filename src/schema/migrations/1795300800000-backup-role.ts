import { MigrationInterface, QueryRunner } from 'typeorm';

/** Creates the role that reads everything for a backup. */
export class BackupRole1795300800000 implements MigrationInterface {
  readonly compatibleWith = 'CloseAccounts1795289780026';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(role);
    await queryRunner.query(grants);
  }

  /** The role remains, like the others: other databases of the server may use it. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON SEQUENCES FROM cairn_backup;
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM cairn_backup;
REVOKE SELECT ON ALL SEQUENCES IN SCHEMA public FROM cairn_backup;
REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM cairn_backup;
REVOKE USAGE ON SCHEMA public FROM cairn_backup;
`);
  }
}

/** Only a superuser, or a role that has BYPASSRLS itself, may grant it. Without it, the command `backup` says what to do. */
const role = `
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cairn_backup') THEN
    BEGIN
      CREATE ROLE cairn_backup LOGIN BYPASSRLS;
    EXCEPTION WHEN insufficient_privilege THEN
      CREATE ROLE cairn_backup LOGIN;
    END;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL; -- a migration of another database has created it meanwhile
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'The role cairn_backup is missing, and % may not create it. Have a superuser run: CREATE ROLE cairn_backup LOGIN BYPASSRLS. Then run this again.',
      current_user;
END $$;
`;

const grants = `
GRANT USAGE ON SCHEMA public TO cairn_backup;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO cairn_backup;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO cairn_backup;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO cairn_backup;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO cairn_backup;
`;
