import { MigrationInterface, QueryRunner } from 'typeorm';

export class WhenConditions1795335477897 implements MigrationInterface {
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
DROP TRIGGER goals_4_history_status ON goals;

DROP TRIGGER goals_4_history ON goals;

DROP TRIGGER goals_2_completed_at ON goals;

DROP TRIGGER tasks_4_history ON tasks;

DROP TRIGGER tasks_2_completed_at ON tasks;

DROP TRIGGER tasks_4_quota_of_parent ON tasks;

CREATE OR REPLACE FUNCTION recompute_progress(user_id uuid, goal_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  next_id uuid;
  new_progress numeric;
  pending jsonb; -- goal id: depth in the tree
  deepest integer;
  current uuid[];
BEGIN
  PERFORM set_transaction_flag('recomputing_progress', 'true');
  IF cardinality(goal_ids) = 1 THEN
    next_id := goal_ids[1];
    WHILE next_id IS NOT NULL LOOP
      new_progress := progress_of(user_id, next_id);
      UPDATE goals g SET progress = new_progress
        WHERE g.user_id = recompute_progress.user_id AND g.id = next_id
          AND g.progress_mode = 'computed' AND g.deleted_at IS NULL AND g.progress IS DISTINCT FROM new_progress
        RETURNING g.parent_goal_id INTO next_id;
    END LOOP;
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
  END IF;
  PERFORM set_transaction_flag('recomputing_progress', '');
END $function$;

CREATE OR REPLACE FUNCTION record_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  before jsonb := coalesce(to_jsonb(OLD), '{}');
  number bigint;
BEGIN
  -- Not part of the conditions of the triggers: PostgreSQL plans those for each statement. The copy of tag names is no
  -- change of a task by its user. Computed progress is recorded only if it changes the status of the goal.
  IF 'true' IN (transaction_flag('deleting_account'), transaction_flag('importing_history'), transaction_flag('copying_tag_names'))
    OR (transaction_flag('recomputing_progress') = 'true' AND before -> 'status' = to_jsonb(NEW) -> 'status') THEN
    RETURN NULL;
  END IF;
  PERFORM lock_user_writes(coalesce(NEW.user_id, OLD.user_id));
  IF TG_OP = 'DELETE' THEN
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
      SELECT OLD.user_id, coalesce(max(c.id), 0) + 1, TG_ARGV[0], OLD.id, OLD.version + 1, 'delete', '{}'
      FROM changes c WHERE c.user_id = OLD.user_id
      RETURNING id INTO number;
    DELETE FROM changes c WHERE c.user_id = OLD.user_id AND c.entity_id = OLD.id AND c.id < number;
  ELSE
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
      SELECT NEW.user_id, (SELECT coalesce(max(c.id), 0) + 1 FROM changes c WHERE c.user_id = NEW.user_id),
        TG_ARGV[0], NEW.id, NEW.version, CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'update' END,
        jsonb_object_agg(key, jsonb_build_object('old', coalesce(before -> key, 'null'), 'new', value))
      FROM jsonb_each(to_jsonb(NEW))
      WHERE value <> coalesce(before -> key, 'null') AND key NOT IN ('user_id', 'id', 'created_at', 'updated_at', 'version')
      HAVING count(*) > 0;
  END IF;
  RETURN NULL;
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
  -- Quotas are set all together, or not at all. Bulk operations only unlink tasks, and imports check the quotas themselves.
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

CREATE TRIGGER tasks_4_quota_of_parent AFTER INSERT OR UPDATE OF goal_id, parent_task_id ON tasks FOR EACH ROW WHEN (new.goal_id IS NOT NULL OR new.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_many_tasks();

CREATE TRIGGER tasks_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON tasks FOR EACH ROW WHEN (new.status = 'completed'::text OR new.completed_at IS NOT NULL) EXECUTE FUNCTION set_completed_at();

CREATE TRIGGER tasks_4_history AFTER INSERT OR DELETE OR UPDATE ON tasks FOR EACH ROW WHEN (pg_trigger_depth() = 0 OR CURRENT_USER = 'cairn_app'::name) EXECUTE FUNCTION record_change('task');

CREATE TRIGGER goals_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON goals FOR EACH ROW WHEN (new.status = 'completed'::text OR new.completed_at IS NOT NULL) EXECUTE FUNCTION set_completed_at();

CREATE TRIGGER goals_4_history AFTER INSERT OR DELETE OR UPDATE ON goals FOR EACH ROW WHEN (pg_trigger_depth() = 0 OR CURRENT_USER = 'cairn_app'::name) EXECUTE FUNCTION record_change('goal');
`;

const down = `
DROP TRIGGER tasks_4_quota_of_parent ON tasks;

DROP TRIGGER goals_4_history ON goals;

DROP TRIGGER tasks_4_history ON tasks;

DROP TRIGGER tasks_2_completed_at ON tasks;

DROP TRIGGER goals_2_completed_at ON goals;

CREATE OR REPLACE FUNCTION record_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  changed record := coalesce(NEW, OLD);
  before jsonb := coalesce(to_jsonb(OLD), '{}');
  number bigint;
  fields jsonb := '{}';
BEGIN
  IF 'true' IN (transaction_flag('deleting_account'), transaction_flag('importing_history')) THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    SELECT jsonb_object_agg(key, jsonb_build_object('old', coalesce(before -> key, 'null'), 'new', value)) INTO fields
      FROM jsonb_each(to_jsonb(NEW))
      WHERE value <> coalesce(before -> key, 'null') AND key NOT IN ('user_id', 'id', 'created_at', 'updated_at', 'version');
    IF fields IS NULL THEN
      RETURN NULL;
    END IF;
  END IF;
  PERFORM lock_user_writes(changed.user_id);
  SELECT coalesce(max(c.id), 0) + 1 INTO number FROM changes c WHERE c.user_id = changed.user_id;
  INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields) VALUES (
    changed.user_id, number, TG_ARGV[0], changed.id,
    CASE WHEN TG_OP = 'DELETE' THEN OLD.version + 1 ELSE NEW.version END,
    CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE lower(TG_OP) END, fields);
  IF TG_OP = 'DELETE' THEN
    DELETE FROM changes c WHERE c.user_id = OLD.user_id AND c.entity_id = OLD.id AND c.id < number;
  END IF;
  RETURN NULL;
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

CREATE TRIGGER goals_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON goals FOR EACH ROW EXECUTE FUNCTION set_completed_at();

CREATE TRIGGER tasks_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON tasks FOR EACH ROW EXECUTE FUNCTION set_completed_at();

CREATE TRIGGER tasks_4_history AFTER INSERT OR DELETE OR UPDATE ON tasks FOR EACH ROW WHEN ((pg_trigger_depth() = 0 OR CURRENT_USER = 'cairn_app'::name) AND transaction_flag('copying_tag_names'::text) IS NULL) EXECUTE FUNCTION record_change('task');

CREATE TRIGGER goals_4_history AFTER INSERT OR DELETE OR UPDATE ON goals FOR EACH ROW WHEN ((pg_trigger_depth() = 0 OR CURRENT_USER = 'cairn_app'::name) AND transaction_flag('recomputing_progress'::text) IS NULL) EXECUTE FUNCTION record_change('goal');

CREATE TRIGGER goals_4_history_status AFTER UPDATE ON goals FOR EACH ROW WHEN (old.status <> new.status AND transaction_flag('recomputing_progress'::text) = 'true'::text) EXECUTE FUNCTION record_change('goal');

CREATE TRIGGER tasks_4_quota_of_parent AFTER INSERT OR UPDATE OF goal_id, parent_task_id ON tasks FOR EACH ROW WHEN ((new.goal_id IS NOT NULL OR new.parent_task_id IS NOT NULL) AND transaction_flag('importing'::text) IS NULL) EXECUTE FUNCTION refuse_many_tasks();
`;
