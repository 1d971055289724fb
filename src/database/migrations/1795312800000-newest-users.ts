import { MigrationInterface, QueryRunner } from 'typeorm';

/** For the list of users. Made beside running writes, which wants no transaction; what an earlier try left is removed. */
export class NewestUsers1795312800000 implements MigrationInterface {
  transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX CONCURRENTLY IF EXISTS users_newest');
    await queryRunner.query('CREATE INDEX CONCURRENTLY users_newest ON users (created_at, id)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX users_newest');
  }
}
