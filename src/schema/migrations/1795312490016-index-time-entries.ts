import { MigrationInterface, QueryRunner } from 'typeorm';

/** Without a transaction, so that writes go on while the index is created. */
export class IndexTimeEntries1795312490016 implements MigrationInterface {
  readonly transaction = false;
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'CREATE INDEX CONCURRENTLY IF NOT EXISTS time_entries_by_start ON time_entries (user_id, started_at, id)',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX CONCURRENTLY IF EXISTS time_entries_by_start');
  }
}
