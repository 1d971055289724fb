import { MigrationInterface, QueryRunner } from 'typeorm';
import { lockTables } from './lock-tables';

/** The progress of goals follows their tasks and subgoals, unless it is kept by hand. */
export class GoalProgress1795330800000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('goals', 'tasks'));
    await queryRunner.query(`
      -- The progress of the goals that there are stays as it is until it is counted, by the next migration.
      ALTER TABLE goals ADD COLUMN progress_mode text NOT NULL DEFAULT 'manual',
        ADD CONSTRAINT goals_progress_mode_check CHECK (progress_mode IN ('computed', 'manual')) NOT VALID;
      ALTER TABLE goals ALTER COLUMN progress_mode SET DEFAULT 'computed';

      -- The share of tasks that are completed, and the mean progress of the subgoals: half each, or the one that there is.
      -- What is cancelled does not count. Percent, 100 only where all is done; null where nothing contributes.
      CREATE FUNCTION progress_of(user_id uuid, goal_id uuid) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
      BEGIN
        RETURN (
          SELECT CASE WHEN avg(half) > 99.99 AND avg(half) < 100 THEN 99.99 ELSE round(avg(half), 2) END FROM (
            SELECT 100.0 * count(*) FILTER (WHERE t.status = 'completed') / nullif(count(*), 0) FROM tasks t
              WHERE t.user_id = progress_of.user_id AND t.goal_id = progress_of.goal_id
                AND t.deleted_at IS NULL AND t.status <> 'cancelled'
            UNION ALL
            SELECT avg(g.progress) FROM goals g
              WHERE g.user_id = progress_of.user_id AND g.parent_goal_id = progress_of.goal_id AND g.status <> 'cancelled'
          ) halves (half)
        );
      END $$;

      -- Computes these goals anew, and those above them as far as something changes: each once, after all below it.
      CREATE FUNCTION count_progress(user_id uuid, goal_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
      DECLARE
        pending jsonb; -- how deep each goal lies
        deepest integer;
        current uuid[];
      BEGIN
        IF cardinality(goal_ids) = 1 THEN
          pending := jsonb_build_object(goal_ids[1], 0);
        ELSE
          SELECT jsonb_object_agg(goal_id, (
            WITH RECURSIVE above (id) AS (
              SELECT goal_id
              UNION ALL
              SELECT g.parent_goal_id FROM above a JOIN goals g ON g.user_id = count_progress.user_id AND g.id = a.id
                WHERE g.parent_goal_id IS NOT NULL
            )
            SELECT count(*) FROM above
          )) INTO pending FROM unnest(goal_ids) goal_id;
        END IF;
        PERFORM set_config('cairn.counting_progress', 'true', true);
        WHILE pending <> '{}' LOOP
          SELECT max(depth::integer) INTO deepest FROM jsonb_each_text(pending) AS p (id, depth);
          SELECT array_agg(id::uuid) INTO current FROM jsonb_each_text(pending) AS p (id, depth) WHERE depth::integer = deepest;
          WITH counted AS MATERIALIZED (
            SELECT g.id, progress_of(g.user_id, g.id) AS progress FROM goals g
            WHERE g.user_id = count_progress.user_id AND g.id = ANY (current) AND g.progress_mode = 'computed'
          ), changed AS (
            UPDATE goals g SET progress = c.progress FROM counted c
            WHERE g.user_id = count_progress.user_id AND g.id = c.id AND g.progress IS DISTINCT FROM c.progress
            RETURNING g.parent_goal_id
          )
          SELECT pending - current::text[] || coalesce(jsonb_object_agg(parent_goal_id, deepest - 1), '{}') INTO pending
            FROM changed WHERE parent_goal_id IS NOT NULL;
        END LOOP;
        PERFORM set_config('cairn.counting_progress', '', true);
      END $$;

      -- After each statement on tasks: the goals that they were or are under. After each row where one is removed: what
      -- its foreign key then removes would take the place of the statement, and act as the owner of the tables.
      CREATE FUNCTION follow_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_OP = 'INSERT' THEN
          PERFORM count_progress(user_id, array_agg(DISTINCT goal_id)) FROM new_rows WHERE goal_id IS NOT NULL GROUP BY user_id;
        ELSIF TG_OP = 'DELETE' THEN
          PERFORM count_progress(OLD.user_id, ARRAY[OLD.goal_id]);
        ELSE
          PERFORM count_progress(n.user_id, array_agg(DISTINCT touched.goal_id))
            FROM new_rows n JOIN old_rows o USING (user_id, id) CROSS JOIN LATERAL (VALUES (o.goal_id), (n.goal_id)) touched (goal_id)
            WHERE touched.goal_id IS NOT NULL AND (o.goal_id IS DISTINCT FROM n.goal_id OR o.status <> n.status
              OR (o.deleted_at IS NULL) <> (n.deleted_at IS NULL))
            GROUP BY n.user_id;
        END IF;
        RETURN NULL;
      END $$;

      -- After each statement on goals: the goals that they were or are under. Not while count_progress walks up there.
      CREATE FUNCTION follow_subgoals() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF current_setting('cairn.counting_progress', true) = 'true' THEN
          RETURN NULL;
        ELSIF TG_OP = 'INSERT' THEN
          PERFORM count_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM new_rows
            WHERE parent_goal_id IS NOT NULL AND progress IS NOT NULL GROUP BY user_id;
        ELSIF TG_OP = 'DELETE' THEN
          PERFORM count_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM old_rows
            WHERE parent_goal_id IS NOT NULL GROUP BY user_id;
        ELSE
          PERFORM count_progress(n.user_id, array_agg(DISTINCT touched.goal_id))
            FROM new_rows n JOIN old_rows o USING (user_id, id)
              CROSS JOIN LATERAL (VALUES (o.parent_goal_id), (n.parent_goal_id)) touched (goal_id)
            WHERE touched.goal_id IS NOT NULL AND (o.parent_goal_id IS DISTINCT FROM n.parent_goal_id
              OR o.progress IS DISTINCT FROM n.progress OR (o.status = 'cancelled') <> (n.status = 'cancelled'))
            GROUP BY n.user_id;
        END IF;
        RETURN NULL;
      END $$;

      -- A number that is written sets the progress by hand; one that is not kept by hand any more is computed at once.
      -- At 100 an active goal is completed; what was completed at 100 is active again when it is there no more. Another
      -- status that is written with it stands.
      CREATE FUNCTION keep_progress() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        before goals := OLD;
      BEGIN
        IF NEW.progress_mode = 'computed' AND before.progress_mode = 'manual' THEN
          NEW.progress := progress_of(NEW.user_id, NEW.id);
        ELSIF NEW.progress IS NOT NULL AND NEW.progress IS DISTINCT FROM before.progress
          AND current_setting('cairn.counting_progress', true) IS DISTINCT FROM 'true' THEN
          NEW.progress_mode := 'manual';
        END IF;
        IF before.status IS NOT NULL AND NEW.status <> before.status THEN
          RETURN NEW;
        ELSIF NEW.progress = 100 AND before.progress IS DISTINCT FROM 100 AND NEW.status = 'active' THEN
          NEW.status := 'completed';
          NEW.completed_at := now();
        ELSIF before.progress = 100 AND NEW.progress IS DISTINCT FROM 100 AND NEW.status = 'completed' THEN
          NEW.status := 'active';
          NEW.completed_at := NULL;
        END IF;
        RETURN NEW;
      END $$;

      CREATE TRIGGER goals_2_progress BEFORE INSERT OR UPDATE OF progress, progress_mode ON goals
        FOR EACH ROW EXECUTE FUNCTION keep_progress();
      -- Not after what goes with a user.
      ${follower('tasks', 'insert')}
      ${follower('tasks', 'update')}
      CREATE TRIGGER tasks_4_progress_delete AFTER DELETE ON tasks FOR EACH ROW
        WHEN (OLD.goal_id IS NOT NULL AND OLD.deleted_at IS NULL AND (pg_trigger_depth() = 0 OR current_user = 'cairn_app'))
        EXECUTE FUNCTION follow_tasks();
      ${follower('goals', 'insert')}
      ${follower('goals', 'update')}
      ${follower('goals', 'delete')}

      REVOKE ALL ON FUNCTION progress_of(uuid, uuid), count_progress(uuid, uuid[]), follow_tasks(), follow_subgoals(),
        keep_progress() FROM PUBLIC;
      GRANT EXECUTE ON FUNCTION progress_of(uuid, uuid), count_progress(uuid, uuid[]) TO cairn_app;
      GRANT UPDATE (progress_mode) ON goals TO cairn_app;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('goals', 'tasks'));
    await queryRunner.query(`
      -- What was computed is nobody's number. (For this, the owner sees all rows; and it is no change that a user made.)
      ALTER TABLE goals NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER USER;
      UPDATE goals SET progress = NULL WHERE progress_mode = 'computed' AND progress IS NOT NULL;
      ALTER TABLE goals FORCE ROW LEVEL SECURITY, ENABLE TRIGGER USER;
      DROP TRIGGER tasks_4_progress_insert ON tasks;
      DROP TRIGGER tasks_4_progress_update ON tasks;
      DROP TRIGGER tasks_4_progress_delete ON tasks;
      DROP TRIGGER goals_4_progress_insert ON goals;
      DROP TRIGGER goals_4_progress_update ON goals;
      DROP TRIGGER goals_4_progress_delete ON goals;
      DROP TRIGGER goals_2_progress ON goals;
      DROP FUNCTION follow_tasks(), follow_subgoals(), keep_progress(), count_progress(uuid, uuid[]), progress_of(uuid, uuid);
      ALTER TABLE goals DROP COLUMN progress_mode;
    `);
  }
}

const seen = {
  insert: 'NEW TABLE AS new_rows',
  update: 'OLD TABLE AS old_rows NEW TABLE AS new_rows',
  delete: 'OLD TABLE AS old_rows',
};

/** A trigger that sees the rows of a statement can serve one event only. */
function follower(table: 'tasks' | 'goals', event: keyof typeof seen): string {
  return `CREATE TRIGGER ${table}_4_progress_${event} AFTER ${event.toUpperCase()} ON ${table} REFERENCING ${seen[event]}
        FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app')
        EXECUTE FUNCTION ${table === 'tasks' ? 'follow_tasks' : 'follow_subgoals'}();`;
}
