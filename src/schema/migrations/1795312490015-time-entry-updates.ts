import { MigrationInterface, QueryRunner } from 'typeorm';

/** Lets users change all times and the note of an entry. The next migration creates the index of the list. */
export class TimeEntryUpdates1795312490015 implements MigrationInterface {
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
GRANT UPDATE (note, started_at) ON time_entries TO cairn_app;
`;

const down = `
REVOKE UPDATE (started_at, note) ON time_entries FROM cairn_app;
`;
