import { MigrationInterface, QueryRunner } from 'typeorm';

export class QuotasOfBulkInserts1795314250714 implements MigrationInterface {
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
DROP TRIGGER task_dependencies_4_quota_of_task ON task_dependencies;

DROP TRIGGER tasks_4_quota_of_parent ON tasks;

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

CREATE OR REPLACE FUNCTION refuse_many_dependencies()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  quota integer := quota_of('dependencies_of_task');
BEGIN
  PERFORM 1 FROM (SELECT DISTINCT n.user_id, n.task_id FROM new_rows n) inserted WHERE quota < (
    SELECT count(*) FROM task_dependencies d WHERE d.user_id = inserted.user_id AND d.task_id = inserted.task_id
  );
  IF FOUND THEN
    PERFORM raise_quota_exceeded('dependencies_of_task', quota);
  END IF;
  RETURN NULL;
END $function$;

CREATE TRIGGER tasks_4_quota_of_parent AFTER INSERT OR UPDATE OF goal_id, parent_task_id ON tasks FOR EACH ROW WHEN ((new.goal_id IS NOT NULL OR new.parent_task_id IS NOT NULL) AND transaction_flag('importing'::text) IS NULL) EXECUTE FUNCTION refuse_many_tasks();

CREATE TRIGGER task_dependencies_4_quota_of_task AFTER INSERT ON task_dependencies REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refuse_many_dependencies();
`;

const down = `
DROP TRIGGER task_dependencies_4_quota_of_task ON task_dependencies;

DROP TRIGGER tasks_4_quota_of_parent ON tasks;

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

CREATE OR REPLACE FUNCTION refuse_many_dependencies()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  quota integer := quota_of('dependencies_of_task');
BEGIN
  IF quota < (SELECT count(*) FROM task_dependencies d WHERE d.user_id = NEW.user_id AND d.task_id = NEW.task_id) THEN
    PERFORM raise_quota_exceeded('dependencies_of_task', quota);
  END IF;
  RETURN NULL;
END $function$;

CREATE TRIGGER tasks_4_quota_of_parent AFTER INSERT OR UPDATE OF goal_id, parent_task_id ON tasks FOR EACH ROW WHEN (new.goal_id IS NOT NULL OR new.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_many_tasks();

CREATE TRIGGER task_dependencies_4_quota_of_task AFTER INSERT ON task_dependencies FOR EACH ROW EXECUTE FUNCTION refuse_many_dependencies();
`;
