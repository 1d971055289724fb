import { MigrationInterface, QueryRunner } from 'typeorm';

/** Without a transaction, so that writes go on while the index is created. */
export class IndexGoalTrash1795313659680 implements MigrationInterface {
  readonly transaction = false;
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE INDEX CONCURRENTLY IF NOT EXISTS goals_trash ON goals
        (user_id, (CASE WHEN deleted_at IS NULL THEN '-infinity' ELSE deleted_at END), id) WHERE deleted_at IS NOT NULL`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX CONCURRENTLY IF EXISTS goals_trash');
  }
}
