import { MigrationInterface, QueryRunner } from 'typeorm';

/** Gives ids a default, for rows that are inserted by hand. Rewrites no table. */
export class DefaultIds1795301940000 implements MigrationInterface {
  readonly compatibleWith = 'CloseAccounts1795289780026';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1),
    52, 1), 53, 1), 'hex')::uuid;

REVOKE ALL ON FUNCTION new_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION new_id() TO cairn_app, cairn_auth, cairn_admin;

ALTER TABLE administrative_acts ALTER COLUMN id SET DEFAULT new_id();
ALTER TABLE goals ALTER COLUMN id SET DEFAULT new_id();
ALTER TABLE mails ALTER COLUMN id SET DEFAULT new_id();
ALTER TABLE personal_tokens ALTER COLUMN id SET DEFAULT new_id();
ALTER TABLE sessions ALTER COLUMN id SET DEFAULT new_id();
ALTER TABLE tags ALTER COLUMN id SET DEFAULT new_id();
ALTER TABLE tasks ALTER COLUMN id SET DEFAULT new_id();
ALTER TABLE time_entries ALTER COLUMN id SET DEFAULT new_id();
ALTER TABLE users ALTER COLUMN id SET DEFAULT new_id();
`;

const down = `
ALTER TABLE users ALTER COLUMN id DROP DEFAULT;
ALTER TABLE time_entries ALTER COLUMN id DROP DEFAULT;
ALTER TABLE tasks ALTER COLUMN id DROP DEFAULT;
ALTER TABLE tags ALTER COLUMN id DROP DEFAULT;
ALTER TABLE sessions ALTER COLUMN id DROP DEFAULT;
ALTER TABLE personal_tokens ALTER COLUMN id DROP DEFAULT;
ALTER TABLE mails ALTER COLUMN id DROP DEFAULT;
ALTER TABLE goals ALTER COLUMN id DROP DEFAULT;
ALTER TABLE administrative_acts ALTER COLUMN id DROP DEFAULT;

DROP FUNCTION new_id();
`;
