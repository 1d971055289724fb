import { MigrationInterface, QueryRunner } from 'typeorm';

export class ImportedRows1795304164752 implements MigrationInterface {
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
CREATE TABLE "imported_rows" (
  "user_id" uuid NOT NULL,
  "entity" text NOT NULL,
  "source_key" text NOT NULL,
  "row_id" uuid NOT NULL,
  "source_hash" bytea NOT NULL,
  "row_hash" bytea NOT NULL,
  CONSTRAINT "imported_rows_source_key_check" CHECK (length(source_key) <= 200),
  CONSTRAINT "imported_rows_entity_check" CHECK (entity IN ('goal', 'task', 'tag')),
  CONSTRAINT "imported_rows_pkey" PRIMARY KEY ("user_id", "entity", "source_key")
);

ALTER TABLE "imported_rows" ADD CONSTRAINT "imported_rows_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

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

CREATE OR REPLACE FUNCTION apply_progress()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  before goals := OLD;
BEGIN
  IF transaction_flag('importing') = 'true' THEN
    RETURN NEW;
  END IF;
  IF NEW.progress_mode = 'computed' AND before.progress_mode = 'manual' THEN
    NEW.progress := progress_of(NEW.user_id, NEW.id);
  ELSIF NEW.progress IS NOT NULL AND NEW.progress IS DISTINCT FROM before.progress
    AND transaction_flag('recomputing_progress') IS DISTINCT FROM 'true' THEN
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
END $function$;

CREATE OR REPLACE FUNCTION refuse_many_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  goal_quota integer := quota_of('tasks_of_goal');
  subtask_quota integer := quota_of('subtasks');
  is_moved boolean := NEW.parent_task_id IS NOT NULL AND NEW.parent_task_id IS DISTINCT FROM OLD.parent_task_id;
  is_linked boolean := NEW.goal_id IS NOT NULL AND NEW.goal_id IS DISTINCT FROM OLD.goal_id;
  total integer;
  root_id uuid;
  goal_ids uuid[];
  current uuid;
BEGIN
  -- Quotas are set all together, or not at all. Bulk operations only unlink tasks.
  IF goal_quota IS NULL OR NOT (is_moved OR is_linked) OR transaction_flag('importing') = 'true' THEN
    RETURN NULL;
  END IF;
  SELECT c.count INTO total FROM row_counts c WHERE c.user_id = NEW.user_id AND c.table_name = 'tasks';
  -- The row that is being inserted is not counted yet.
  IF total < least(goal_quota, subtask_quota) THEN
    RETURN NULL;
  END IF;
  WITH RECURSIVE above (id, parent_task_id, goal_id) AS (
    SELECT NEW.id, NEW.parent_task_id, NEW.goal_id
    UNION ALL
    SELECT t.id, t.parent_task_id, t.goal_id FROM above a JOIN tasks t ON t.user_id = NEW.user_id AND t.id = a.parent_task_id
  )
  SELECT (array_agg(a.id) FILTER (WHERE a.parent_task_id IS NULL))[1],
    array_agg(DISTINCT a.goal_id) FILTER (WHERE a.goal_id IS NOT NULL) INTO root_id, goal_ids FROM above a;
  IF is_moved THEN
    WITH RECURSIVE below (id) AS (
      SELECT t.id FROM tasks t WHERE t.user_id = NEW.user_id AND t.parent_task_id = root_id
      UNION ALL
      SELECT t.id FROM below b JOIN tasks t ON t.user_id = NEW.user_id AND t.parent_task_id = b.id
    )
    SELECT count(*) INTO total FROM (SELECT FROM below LIMIT subtask_quota + 1) counted;
    IF total > subtask_quota THEN
      PERFORM raise_quota_exceeded('subtasks', subtask_quota);
    END IF;
  END IF;
  FOREACH current IN ARRAY coalesce(goal_ids, '{}') LOOP
    WITH RECURSIVE member (id) AS (
      SELECT t.id FROM tasks t WHERE t.user_id = NEW.user_id AND t.goal_id = current
      UNION
      SELECT t.id FROM member m JOIN tasks t ON t.user_id = NEW.user_id AND t.parent_task_id = m.id
    )
    SELECT count(*) INTO total FROM (SELECT FROM member LIMIT goal_quota + 1) counted;
    IF total > goal_quota THEN
      PERFORM raise_quota_exceeded('tasks_of_goal', goal_quota);
    END IF;
  END LOOP;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION refuse_dependency_cycle()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF NEW.task_id <> NEW.depends_on_id AND NOT EXISTS (
    SELECT FROM task_dependencies d WHERE d.user_id = NEW.user_id AND d.task_id = NEW.depends_on_id
  ) THEN
    RETURN NEW;
  END IF;
  PERFORM 1 FROM (
    WITH RECURSIVE needed (id) AS (
      SELECT NEW.depends_on_id
      UNION
      SELECT d.depends_on_id FROM needed n JOIN task_dependencies d ON d.user_id = NEW.user_id AND d.task_id = n.id
    )
    SELECT FROM needed WHERE id = NEW.task_id
  ) cycle;
  IF FOUND THEN
    RAISE EXCEPTION 'a task cannot depend on itself' USING ERRCODE = 'ZC409', HINT = 'dependency_cycle';
  END IF;
  RETURN NEW;
END $function$;

ALTER TABLE imported_rows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY owner ON imported_rows TO cairn_app USING (user_id = (( SELECT current_user_id() AS current_user_id))) WITH CHECK (user_id = (( SELECT current_user_id() AS current_user_id)));

GRANT UPDATE (completed_at) ON goals TO cairn_app;

GRANT DELETE, INSERT, SELECT, UPDATE (row_hash, source_hash) ON imported_rows TO cairn_app;
`;

const down = `
DROP POLICY owner ON imported_rows;

ALTER TABLE "imported_rows" DROP CONSTRAINT "imported_rows_user_id_fkey";

DROP TABLE "imported_rows";

CREATE OR REPLACE FUNCTION transaction_flag_setting(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours',
    'copying_tag_names', 'deleting_account') THEN
    RETURN 'cairn.' || name;
  END IF;
  RAISE EXCEPTION 'unknown transaction flag: %', name USING ERRCODE = 'invalid_parameter_value';
END $function$;

CREATE OR REPLACE FUNCTION refuse_dependency_cycle()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  PERFORM 1 FROM (
    WITH RECURSIVE needed (id) AS (
      SELECT NEW.depends_on_id
      UNION
      SELECT d.depends_on_id FROM needed n JOIN task_dependencies d ON d.user_id = NEW.user_id AND d.task_id = n.id
    )
    SELECT FROM needed WHERE id = NEW.task_id
  ) cycle;
  IF FOUND THEN
    RAISE EXCEPTION 'a task cannot depend on itself' USING ERRCODE = 'ZC409', HINT = 'dependency_cycle';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF transaction_flag('deleting_account') = 'true' THEN
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
  IF 'true' IN (transaction_flag('recomputing_progress'), transaction_flag('deleting_account')) THEN
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

CREATE OR REPLACE FUNCTION apply_progress()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  before goals := OLD;
BEGIN
  IF NEW.progress_mode = 'computed' AND before.progress_mode = 'manual' THEN
    NEW.progress := progress_of(NEW.user_id, NEW.id);
  ELSIF NEW.progress IS NOT NULL AND NEW.progress IS DISTINCT FROM before.progress
    AND transaction_flag('recomputing_progress') IS DISTINCT FROM 'true' THEN
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
END $function$;

CREATE OR REPLACE FUNCTION refuse_many_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  goal_quota integer := quota_of('tasks_of_goal');
  subtask_quota integer := quota_of('subtasks');
  is_moved boolean := NEW.parent_task_id IS NOT NULL AND NEW.parent_task_id IS DISTINCT FROM OLD.parent_task_id;
  is_linked boolean := NEW.goal_id IS NOT NULL AND NEW.goal_id IS DISTINCT FROM OLD.goal_id;
  total integer;
  root_id uuid;
  goal_ids uuid[];
  current uuid;
BEGIN
  -- Quotas are set all together, or not at all. Bulk operations only unlink tasks.
  IF goal_quota IS NULL OR NOT (is_moved OR is_linked) THEN
    RETURN NULL;
  END IF;
  SELECT c.count INTO total FROM row_counts c WHERE c.user_id = NEW.user_id AND c.table_name = 'tasks';
  -- The row that is being inserted is not counted yet.
  IF total < least(goal_quota, subtask_quota) THEN
    RETURN NULL;
  END IF;
  WITH RECURSIVE above (id, parent_task_id, goal_id) AS (
    SELECT NEW.id, NEW.parent_task_id, NEW.goal_id
    UNION ALL
    SELECT t.id, t.parent_task_id, t.goal_id FROM above a JOIN tasks t ON t.user_id = NEW.user_id AND t.id = a.parent_task_id
  )
  SELECT (array_agg(a.id) FILTER (WHERE a.parent_task_id IS NULL))[1],
    array_agg(DISTINCT a.goal_id) FILTER (WHERE a.goal_id IS NOT NULL) INTO root_id, goal_ids FROM above a;
  IF is_moved THEN
    WITH RECURSIVE below (id) AS (
      SELECT t.id FROM tasks t WHERE t.user_id = NEW.user_id AND t.parent_task_id = root_id
      UNION ALL
      SELECT t.id FROM below b JOIN tasks t ON t.user_id = NEW.user_id AND t.parent_task_id = b.id
    )
    SELECT count(*) INTO total FROM (SELECT FROM below LIMIT subtask_quota + 1) counted;
    IF total > subtask_quota THEN
      PERFORM raise_quota_exceeded('subtasks', subtask_quota);
    END IF;
  END IF;
  FOREACH current IN ARRAY coalesce(goal_ids, '{}') LOOP
    WITH RECURSIVE member (id) AS (
      SELECT t.id FROM tasks t WHERE t.user_id = NEW.user_id AND t.goal_id = current
      UNION
      SELECT t.id FROM member m JOIN tasks t ON t.user_id = NEW.user_id AND t.parent_task_id = m.id
    )
    SELECT count(*) INTO total FROM (SELECT FROM member LIMIT goal_quota + 1) counted;
    IF total > goal_quota THEN
      PERFORM raise_quota_exceeded('tasks_of_goal', goal_quota);
    END IF;
  END LOOP;
  RETURN NULL;
END $function$;

REVOKE UPDATE (completed_at) ON goals FROM cairn_app;
`;
