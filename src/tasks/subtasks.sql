-- Refuses a task with more than ten ancestors, and a move that would give one of its descendants more than ten.
CREATE FUNCTION refuse_depth() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  above integer;
  below integer := 0;
BEGIN
  WITH RECURSIVE ancestor (id, depth) AS (
    SELECT NEW.parent_task_id, 1
    UNION ALL
    SELECT t.parent_task_id, a.depth + 1 FROM ancestor a JOIN tasks t ON t.user_id = NEW.user_id AND t.id = a.id
      WHERE t.parent_task_id IS NOT NULL AND a.depth <= 10
  )
  SELECT max(depth) INTO above FROM ancestor;
  IF TG_OP = 'UPDATE' THEN
    WITH RECURSIVE descendant (id, depth) AS (
      SELECT NEW.id, 0
      UNION ALL
      SELECT t.id, d.depth + 1 FROM descendant d JOIN tasks t ON t.user_id = NEW.user_id AND t.parent_task_id = d.id
        WHERE d.depth <= 10
    )
    SELECT max(depth) INTO below FROM descendant;
  END IF;
  IF above + below > 10 THEN
    RAISE EXCEPTION 'a task cannot have more than ten ancestors' USING ERRCODE = 'ZC409', HINT = 'too_deep';
  END IF;
  RETURN NEW;
END $$;

-- Refuses a parent in the trash: SQLSTATE ZC404 for a new parent, ZC409 when a subtask is restored without its parent.
-- When a task is restored, its subtasks are not checked, because the same statement restores their parents.
CREATE FUNCTION refuse_trashed_parent() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  IF transaction_flag('restored_task_id') <> NEW.id::text THEN
    RETURN NEW;
  END IF;
  PERFORM 1 FROM tasks t WHERE t.user_id = NEW.user_id AND t.id = NEW.parent_task_id AND t.deleted_at IS NOT NULL;
  IF FOUND AND TG_OP = 'UPDATE' AND OLD.parent_task_id = NEW.parent_task_id THEN
    RAISE EXCEPTION 'the parent is in the trash' USING ERRCODE = 'ZC409', HINT = 'parent_trashed';
  ELSIF FOUND THEN
    RAISE EXCEPTION 'the parent is in the trash' USING ERRCODE = 'ZC404', HINT = 'task';
  END IF;
  RETURN NEW;
END $$;

-- Refuses more subtasks below one task, and more tasks of one goal with their subtasks, than the quotas subtasks and
-- tasks_of_goal allow. The rows are counted only for users with as many tasks in total.
CREATE FUNCTION refuse_many_tasks() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

REVOKE ALL ON FUNCTION refuse_depth(), refuse_trashed_parent(), refuse_many_tasks() FROM PUBLIC;

-- Triggers of one kind run in the order of their names: a cycle is refused before the depth is measured.
CREATE TRIGGER tasks_1_cycle BEFORE UPDATE OF parent_task_id ON tasks
  FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_cycle('parent_task_id');
CREATE TRIGGER tasks_1_depth BEFORE INSERT OR UPDATE OF parent_task_id ON tasks
  FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_depth();
CREATE TRIGGER tasks_1_parent BEFORE INSERT OR UPDATE OF parent_task_id, deleted_at ON tasks
  FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL AND NEW.deleted_at IS NULL) EXECUTE FUNCTION refuse_trashed_parent();
CREATE TRIGGER tasks_4_quota_of_parent AFTER INSERT OR UPDATE OF goal_id, parent_task_id ON tasks FOR EACH ROW
  WHEN (NEW.goal_id IS NOT NULL OR NEW.parent_task_id IS NOT NULL)
  EXECUTE FUNCTION refuse_many_tasks();
