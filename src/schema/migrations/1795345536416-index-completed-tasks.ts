import { MigrationInterface, QueryRunner } from 'typeorm';

/** Without a transaction, so that writes go on while the index is created. */
export class IndexCompletedTasks1795345536416 implements MigrationInterface {
  readonly transaction = false;
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_completion ON tasks (user_id, completed_at)
        WHERE deleted_at IS NULL AND completed_at IS NOT NULL`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX CONCURRENTLY IF EXISTS tasks_by_completion');
  }
}
