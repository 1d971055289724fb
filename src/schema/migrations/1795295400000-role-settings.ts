import { MigrationInterface, QueryRunner } from 'typeorm';

/** Stores the settings with the login role, also where the role existed before, because poolers refuse them at start-up. */
export class RoleSettings1795295400000 implements MigrationInterface {
  readonly compatibleWith = 'CloseAccounts1795289780026';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(): Promise<void> {
    // The settings remain, like the role: other databases of the server may use it.
  }
}

const up = `
DO $$
BEGIN
  ALTER ROLE cairn_login SET statement_timeout = '8s';
  ALTER ROLE cairn_login SET lock_timeout = '4s';
  ALTER ROLE cairn_login SET idle_in_transaction_session_timeout = '16s';
  ALTER ROLE cairn_login SET TimeZone = 'UTC';
  ALTER ROLE cairn_login SET random_page_cost = '1.1';
  ALTER ROLE cairn_login SET plan_cache_mode = 'force_generic_plan';
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'The schema owner may not set the defaults of cairn_login. Cairn sets them when it starts.';
  WHEN internal_error THEN NULL; -- the same migration of another database is setting them
END $$;
`;
