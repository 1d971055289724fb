import { MigrationInterface, QueryRunner } from 'typeorm';

/** Allows bcrypt hashes and longer usernames. The next migration validates the constraints. */
export class ImportedAccounts1795303303487 implements MigrationInterface {
  readonly compatibleWith = 'CloseAccounts1795289780026';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
ALTER TABLE users DROP CONSTRAINT users_username_check;
ALTER TABLE users DROP CONSTRAINT users_password_hash_check;
ALTER TABLE users ADD CONSTRAINT users_password_hash_check
  CHECK (password_hash LIKE '$argon2id$%' OR password_hash ~ '^\\$2[ab]\\$') NOT VALID;
ALTER TABLE users ADD CONSTRAINT users_username_check
  CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$') NOT VALID;

GRANT INSERT (created_at) ON users TO cairn_auth;
`;

const down = `
REVOKE INSERT (created_at) ON users FROM cairn_auth;

ALTER TABLE users DROP CONSTRAINT users_password_hash_check;
ALTER TABLE users DROP CONSTRAINT users_username_check;
ALTER TABLE users ADD CONSTRAINT users_username_check CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9._-]{2,49}$');
ALTER TABLE users ADD CONSTRAINT users_password_hash_check CHECK (password_hash LIKE '$argon2id$%');
`;
