import { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A trash for goals. The next migration creates its index. Without this migration, the goals in the trash are in the lists
 * again.
 */
export class GoalTrash1795313659679 implements MigrationInterface {
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
ALTER TABLE "goals" ADD "deleted_at" TIMESTAMP(3) WITH TIME ZONE;

CREATE OR REPLACE FUNCTION transaction_flag_setting(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours',
    'copying_tag_names', 'deleting_account', 'importing', 'restored_goal_id') THEN
    RETURN 'cairn.' || name;
  END IF;
  RAISE EXCEPTION 'unknown transaction flag: %', name USING ERRCODE = 'invalid_parameter_value';
END $function$;

CREATE OR REPLACE FUNCTION progress_of(user_id uuid, goal_id uuid)
 RETURNS numeric
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  RETURN (
    SELECT CASE WHEN avg(half) > 99.99 AND avg(half) < 100 THEN 99.99 ELSE round(avg(half), 2) END FROM (
      SELECT 100.0 * count(*) FILTER (WHERE t.status = 'completed') / nullif(count(*), 0) FROM tasks t
        WHERE t.user_id = progress_of.user_id AND t.goal_id = progress_of.goal_id
          AND t.deleted_at IS NULL AND counts_toward_progress(t.status)
      UNION ALL
      SELECT avg(g.progress) FROM goals g
        WHERE g.user_id = progress_of.user_id AND g.parent_goal_id = progress_of.goal_id
          AND g.deleted_at IS NULL AND counts_toward_progress(g.status)
    ) halves (half)
  );
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress(user_id uuid, goal_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  pending jsonb; -- goal id: depth in the tree
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
        SELECT g.parent_goal_id FROM above a JOIN goals g ON g.user_id = recompute_progress.user_id AND g.id = a.id
          WHERE g.parent_goal_id IS NOT NULL
      )
      SELECT count(*) FROM above
    )) INTO pending FROM unnest(goal_ids) goal_id;
  END IF;
  PERFORM set_transaction_flag('recomputing_progress', 'true');
  WHILE pending <> '{}' LOOP
    SELECT max(depth::integer) INTO deepest FROM jsonb_each_text(pending) AS p (id, depth);
    SELECT array_agg(id::uuid) INTO current FROM jsonb_each_text(pending) AS p (id, depth) WHERE depth::integer = deepest;
    WITH computed AS MATERIALIZED (
      SELECT g.id, progress_of(g.user_id, g.id) AS progress FROM goals g
      WHERE g.user_id = recompute_progress.user_id AND g.id = ANY (current)
        AND g.progress_mode = 'computed' AND g.deleted_at IS NULL
    ), changed AS (
      UPDATE goals g SET progress = c.progress FROM computed c
      WHERE g.user_id = recompute_progress.user_id AND g.id = c.id AND g.progress IS DISTINCT FROM c.progress
      RETURNING g.parent_goal_id
    )
    SELECT pending - current::text[] || coalesce(jsonb_object_agg(parent_goal_id, deepest - 1), '{}') INTO pending
      FROM changed WHERE parent_goal_id IS NOT NULL;
  END LOOP;
  PERFORM set_transaction_flag('recomputing_progress', '');
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF 'true' IN (transaction_flag('deleting_account'), transaction_flag('importing'))
    OR transaction_flag('restored_goal_id') IS NOT NULL THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT goal_id)) FROM new_rows WHERE goal_id IS NOT NULL GROUP BY user_id;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM recompute_progress(OLD.user_id, ARRAY[OLD.goal_id]);
  ELSE
    PERFORM recompute_progress(user_id, array_agg(DISTINCT goal_id)) FROM (
      SELECT user_id, goal_id FROM (
        SELECT user_id, id, goal_id, status, deleted_at IS NULL AS is_listed FROM old_rows WHERE goal_id IS NOT NULL
        UNION ALL
        SELECT user_id, id, goal_id, status, deleted_at IS NULL FROM new_rows WHERE goal_id IS NOT NULL
      ) rows GROUP BY user_id, id, goal_id, status, is_listed HAVING count(*) = 1
    ) changed GROUP BY user_id;
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_subgoals()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF 'true' IN (transaction_flag('recomputing_progress'), transaction_flag('deleting_account'), transaction_flag('importing'))
    OR transaction_flag('restored_goal_id') IS NOT NULL THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM new_rows
      WHERE parent_goal_id IS NOT NULL AND progress IS NOT NULL GROUP BY user_id;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM old_rows
      WHERE parent_goal_id IS NOT NULL AND deleted_at IS NULL GROUP BY user_id;
  ELSE
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM (
      SELECT user_id, parent_goal_id FROM (
        SELECT user_id, id, parent_goal_id, progress,
            deleted_at IS NULL AND counts_toward_progress(status) AS is_counted
          FROM old_rows WHERE parent_goal_id IS NOT NULL
        UNION ALL
        SELECT user_id, id, parent_goal_id, progress, deleted_at IS NULL AND counts_toward_progress(status)
          FROM new_rows WHERE parent_goal_id IS NOT NULL
      ) rows GROUP BY user_id, id, parent_goal_id, progress, is_counted HAVING count(*) = 1
    ) changed GROUP BY user_id;
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION refuse_trashed_goal()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  linked_id uuid;
BEGIN
  IF TG_TABLE_NAME = 'tasks' THEN
    linked_id := NEW.goal_id;
  ELSE
    linked_id := NEW.parent_goal_id;
  END IF;
  PERFORM 1 FROM goals g WHERE g.user_id = NEW.user_id AND g.id = linked_id AND g.deleted_at IS NOT NULL;
  IF FOUND THEN
    RAISE EXCEPTION 'the goal is in the trash' USING ERRCODE = 'ZC404', HINT = 'goal';
  END IF;
  RETURN NEW;
END $function$;

DROP TRIGGER goals_1_cycle ON goals;

CREATE TRIGGER goals_1_cycle BEFORE UPDATE OF parent_goal_id ON goals
  FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL AND transaction_flag('restored_goal_id') IS NULL)
  EXECUTE FUNCTION refuse_cycle('parent_goal_id');

DROP TRIGGER goals_1_depth ON goals;

CREATE TRIGGER goals_1_depth BEFORE INSERT OR UPDATE OF parent_goal_id ON goals
  FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL AND transaction_flag('restored_goal_id') IS NULL)
  EXECUTE FUNCTION refuse_goal_depth();

CREATE TRIGGER tasks_1_goal BEFORE INSERT OR UPDATE OF goal_id ON tasks FOR EACH ROW WHEN (new.goal_id IS NOT NULL) EXECUTE FUNCTION refuse_trashed_goal();

CREATE TRIGGER goals_1_parent BEFORE INSERT OR UPDATE OF parent_goal_id ON goals FOR EACH ROW WHEN (new.parent_goal_id IS NOT NULL) EXECUTE FUNCTION refuse_trashed_goal();

CREATE POLICY purge ON goals TO cairn_purge USING (deleted_at IS NOT NULL) WITH CHECK (false);

REVOKE EXECUTE ON FUNCTION refuse_trashed_goal() FROM PUBLIC;

GRANT UPDATE (deleted_at) ON goals TO cairn_app;

GRANT SELECT (deleted_at, user_id) ON goals TO cairn_purge;
`;

const down = `
DROP POLICY purge ON goals;

DROP TRIGGER goals_1_parent ON goals;

DROP TRIGGER tasks_1_goal ON tasks;

DROP TRIGGER goals_1_cycle ON goals;

CREATE TRIGGER goals_1_cycle BEFORE UPDATE OF parent_goal_id ON goals
  FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL) EXECUTE FUNCTION refuse_cycle('parent_goal_id');

DROP TRIGGER goals_1_depth ON goals;

CREATE TRIGGER goals_1_depth BEFORE INSERT OR UPDATE OF parent_goal_id ON goals
  FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL) EXECUTE FUNCTION refuse_goal_depth();

ALTER TABLE "goals" DROP COLUMN "deleted_at";

DROP FUNCTION refuse_trashed_goal();

CREATE OR REPLACE FUNCTION transaction_flag_setting(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours',
    'copying_tag_names', 'deleting_account', 'importing') THEN
    RETURN 'cairn.' || name;
  END IF;
  RAISE EXCEPTION 'unknown transaction flag: %', name USING ERRCODE = 'invalid_parameter_value';
END $function$;

CREATE OR REPLACE FUNCTION progress_of(user_id uuid, goal_id uuid)
 RETURNS numeric
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  RETURN (
    SELECT CASE WHEN avg(half) > 99.99 AND avg(half) < 100 THEN 99.99 ELSE round(avg(half), 2) END FROM (
      SELECT 100.0 * count(*) FILTER (WHERE t.status = 'completed') / nullif(count(*), 0) FROM tasks t
        WHERE t.user_id = progress_of.user_id AND t.goal_id = progress_of.goal_id
          AND t.deleted_at IS NULL AND counts_toward_progress(t.status)
      UNION ALL
      SELECT avg(g.progress) FROM goals g
        WHERE g.user_id = progress_of.user_id AND g.parent_goal_id = progress_of.goal_id AND counts_toward_progress(g.status)
    ) halves (half)
  );
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress(user_id uuid, goal_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  pending jsonb; -- goal id: depth in the tree
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
        SELECT g.parent_goal_id FROM above a JOIN goals g ON g.user_id = recompute_progress.user_id AND g.id = a.id
          WHERE g.parent_goal_id IS NOT NULL
      )
      SELECT count(*) FROM above
    )) INTO pending FROM unnest(goal_ids) goal_id;
  END IF;
  PERFORM set_transaction_flag('recomputing_progress', 'true');
  WHILE pending <> '{}' LOOP
    SELECT max(depth::integer) INTO deepest FROM jsonb_each_text(pending) AS p (id, depth);
    SELECT array_agg(id::uuid) INTO current FROM jsonb_each_text(pending) AS p (id, depth) WHERE depth::integer = deepest;
    WITH computed AS MATERIALIZED (
      SELECT g.id, progress_of(g.user_id, g.id) AS progress FROM goals g
      WHERE g.user_id = recompute_progress.user_id AND g.id = ANY (current) AND g.progress_mode = 'computed'
    ), changed AS (
      UPDATE goals g SET progress = c.progress FROM computed c
      WHERE g.user_id = recompute_progress.user_id AND g.id = c.id AND g.progress IS DISTINCT FROM c.progress
      RETURNING g.parent_goal_id
    )
    SELECT pending - current::text[] || coalesce(jsonb_object_agg(parent_goal_id, deepest - 1), '{}') INTO pending
      FROM changed WHERE parent_goal_id IS NOT NULL;
  END LOOP;
  PERFORM set_transaction_flag('recomputing_progress', '');
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF 'true' IN (transaction_flag('deleting_account'), transaction_flag('importing')) THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT goal_id)) FROM new_rows WHERE goal_id IS NOT NULL GROUP BY user_id;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM recompute_progress(OLD.user_id, ARRAY[OLD.goal_id]);
  ELSE
    PERFORM recompute_progress(user_id, array_agg(DISTINCT goal_id)) FROM (
      SELECT user_id, goal_id FROM (
        SELECT user_id, id, goal_id, status, deleted_at IS NULL AS is_listed FROM old_rows WHERE goal_id IS NOT NULL
        UNION ALL
        SELECT user_id, id, goal_id, status, deleted_at IS NULL FROM new_rows WHERE goal_id IS NOT NULL
      ) rows GROUP BY user_id, id, goal_id, status, is_listed HAVING count(*) = 1
    ) changed GROUP BY user_id;
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_subgoals()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF 'true' IN (transaction_flag('recomputing_progress'), transaction_flag('deleting_account'), transaction_flag('importing')) THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM new_rows
      WHERE parent_goal_id IS NOT NULL AND progress IS NOT NULL GROUP BY user_id;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM old_rows
      WHERE parent_goal_id IS NOT NULL GROUP BY user_id;
  ELSE
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM (
      SELECT user_id, parent_goal_id FROM (
        SELECT user_id, id, parent_goal_id, progress, counts_toward_progress(status) AS is_counted
          FROM old_rows WHERE parent_goal_id IS NOT NULL
        UNION ALL
        SELECT user_id, id, parent_goal_id, progress, counts_toward_progress(status)
          FROM new_rows WHERE parent_goal_id IS NOT NULL
      ) rows GROUP BY user_id, id, parent_goal_id, progress, is_counted HAVING count(*) = 1
    ) changed GROUP BY user_id;
  END IF;
  RETURN NULL;
END $function$;

REVOKE SELECT (user_id) ON goals FROM cairn_purge;
`;
