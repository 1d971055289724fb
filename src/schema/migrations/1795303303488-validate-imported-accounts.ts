import { MigrationInterface, QueryRunner } from 'typeorm';

/** In a transaction of its own, because the previous migration locks the table. */
export class ValidateImportedAccounts1795303303488 implements MigrationInterface {
  readonly compatibleWith = 'CloseAccounts1795289780026';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(): Promise<void> {
    // The constraints are valid, also without this migration.
  }
}

const up = `
ALTER TABLE users VALIDATE CONSTRAINT users_password_hash_check;
ALTER TABLE users VALIDATE CONSTRAINT users_username_check;
`;
