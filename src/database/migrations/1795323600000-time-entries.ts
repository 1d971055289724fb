import { MigrationInterface, QueryRunner } from 'typeorm';
import { lockTables } from './lock-tables';

/** What was worked on tasks, and when. */
export class TimeEntries1795323600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'tasks'));
    await queryRunner.query(`
      CREATE TABLE time_entries (
        user_id uuid NOT NULL,
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        version integer NOT NULL DEFAULT 1,
        task_id uuid NOT NULL,
        started_at timestamptz(3) NOT NULL,
        ended_at timestamptz(3),
        note text,
        CONSTRAINT time_entries_pkey PRIMARY KEY (user_id, id),
        CONSTRAINT time_entries_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT time_entries_task_id_fkey FOREIGN KEY (user_id, task_id)
          REFERENCES tasks (user_id, id) ON DELETE CASCADE,
        CONSTRAINT time_entries_started_at_check CHECK (started_at >= '1900-01-01Z' AND started_at < '10000-01-01Z'),
        CONSTRAINT time_entries_ended_at_check CHECK (ended_at >= started_at AND ended_at < '10000-01-01Z'),
        CONSTRAINT time_entries_note_check CHECK (length(note) <= 500)
      );
      CREATE INDEX time_entries_by_task ON time_entries (user_id, task_id, started_at, id);
      -- One timer runs at a time.
      CREATE UNIQUE INDEX time_entries_running_key ON time_entries (user_id) WHERE ended_at IS NULL;

      -- actual_hours follows the entries that have ended, once there are any; it is empty again without them.
      CREATE FUNCTION keep_actual_hours() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        entry time_entries := coalesce(NEW, OLD);
      BEGIN
        IF TG_OP = 'INSERT' AND NEW.ended_at IS NULL THEN
          RETURN NULL;
        END IF;
        PERFORM set_config('cairn.counting_hours', 'true', true);
        UPDATE tasks t SET actual_hours = (
            SELECT round(sum(extract(epoch FROM e.ended_at - e.started_at)) / 3600, 2) FROM time_entries e
            WHERE e.user_id = entry.user_id AND e.task_id = entry.task_id AND e.ended_at IS NOT NULL
          ) WHERE t.user_id = entry.user_id AND t.id = entry.task_id;
        PERFORM set_config('cairn.counting_hours', '', true);
        RETURN NULL;
      END $$;

      -- By hand, only while no entry has ended.
      CREATE FUNCTION refuse_counted_hours() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM 1 FROM time_entries e WHERE e.user_id = NEW.user_id AND e.task_id = NEW.id AND e.ended_at IS NOT NULL;
        IF FOUND AND current_setting('cairn.counting_hours', true) IS DISTINCT FROM 'true' THEN
          RAISE EXCEPTION 'hours follow the time entries' USING ERRCODE = 'ZC409', HINT = 'hours_counted';
        END IF;
        RETURN NEW;
      END $$;

      REVOKE ALL ON time_entries FROM PUBLIC;
      REVOKE ALL ON FUNCTION keep_actual_hours(), refuse_counted_hours() FROM PUBLIC;
      CREATE TRIGGER time_entries_3_version BEFORE UPDATE ON time_entries
        FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION keep_version();
      CREATE TRIGGER time_entries_4_hours AFTER INSERT OR UPDATE OR DELETE ON time_entries
        FOR EACH ROW EXECUTE FUNCTION keep_actual_hours();
      CREATE TRIGGER tasks_1_hours BEFORE UPDATE OF actual_hours ON tasks
        FOR EACH ROW WHEN (OLD.actual_hours IS DISTINCT FROM NEW.actual_hours) EXECUTE FUNCTION refuse_counted_hours();

      ALTER TABLE time_entries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY owner ON time_entries TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
      GRANT SELECT, INSERT, DELETE, UPDATE (ended_at) ON time_entries TO cairn_app;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'tasks'));
    await queryRunner.query(`
      DROP TRIGGER tasks_1_hours ON tasks;
      DROP TABLE time_entries;
      DROP FUNCTION keep_actual_hours(), refuse_counted_hours();
    `);
  }
}
