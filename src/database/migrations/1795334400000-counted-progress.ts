import { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Computes the progress of the goals that there are and have no number of the user's own: one user after the other, in
 * each one's turn, while requests go on. It can be run again.
 */
export class CountedProgress1795334400000 implements MigrationInterface {
  readonly transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE goals VALIDATE CONSTRAINT goals_progress_mode_check');
    await queryRunner.query(`
      DO $$
      DECLARE
        owners uuid[];
        owner uuid;
      BEGIN
        PERFORM set_config('role', 'cairn_admin', true); -- sees all users
        owners := ARRAY(SELECT id FROM users);
        COMMIT;
        FOREACH owner IN ARRAY owners LOOP
          PERFORM take_turn(owner), act_as(owner);
          UPDATE goals SET progress_mode = 'computed' WHERE user_id = owner AND progress_mode = 'manual' AND progress IS NULL;
          PERFORM count_progress(owner, array_agg(g.id)) FROM goals g
            WHERE g.user_id = owner AND progress_of(owner, g.id) IS NOT NULL HAVING count(*) > 0;
          COMMIT;
        END LOOP;
      END $$;
    `);
  }

  async down(): Promise<void> {
    // The column goes with the migration before.
  }
}
