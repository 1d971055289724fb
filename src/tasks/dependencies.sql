-- The tasks that depend on an open task, one row for each open task that they depend on.
CREATE FUNCTION blocked_tasks(user_id uuid) RETURNS TABLE (task_id uuid) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.task_id FROM task_dependencies d JOIN tasks t ON t.user_id = d.user_id AND t.id = d.depends_on_id
  WHERE d.user_id = blocked_tasks.user_id AND task_is_open(t.status, t.deleted_at);
END;

-- Refuses a task that would depend on itself, directly or through others. Often the other task depends on none: that is
-- found without a recursive query, which is slow while there are no statistics on a new account.
CREATE FUNCTION refuse_dependency_cycle() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

CREATE TRIGGER task_dependencies_1_cycle BEFORE INSERT ON task_dependencies
  FOR EACH ROW EXECUTE FUNCTION refuse_dependency_cycle();

-- After each INSERT: refuses more dependencies of one task than the quota dependencies_of_task allows.
CREATE FUNCTION refuse_many_dependencies() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

CREATE TRIGGER task_dependencies_4_quota AFTER INSERT ON task_dependencies REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
CREATE TRIGGER task_dependencies_4_quota_of_task AFTER INSERT ON task_dependencies REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_many_dependencies();

-- Refuses to complete a task that depends on an open task, unless the flag ignore_open_dependencies is set.
CREATE FUNCTION refuse_open_dependency() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM blocked_tasks(NEW.user_id) b WHERE b.task_id = NEW.id;
  IF FOUND AND transaction_flag('ignore_open_dependencies') IS DISTINCT FROM 'true' THEN
    RAISE EXCEPTION 'a dependency is open' USING ERRCODE = 'ZC409', HINT = 'dependency_open';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER tasks_1_dependency BEFORE UPDATE OF status ON tasks
  FOR EACH ROW WHEN (NEW.status = 'completed' AND OLD.status <> 'completed') EXECUTE FUNCTION refuse_open_dependency();

REVOKE ALL ON FUNCTION blocked_tasks(uuid), refuse_dependency_cycle(), refuse_many_dependencies(),
  refuse_open_dependency() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION blocked_tasks(uuid) TO cairn_app;

ALTER TABLE task_dependencies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON task_dependencies TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON task_dependencies FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON task_dependencies TO cairn_app;
