-- TypeORM cannot express SET NULL for only one column of a key, so this replaces the foreign key of the entity.
ALTER TABLE tasks
  DROP CONSTRAINT IF EXISTS tasks_goal_id_fkey,
  ADD CONSTRAINT tasks_goal_id_fkey FOREIGN KEY (user_id, goal_id)
    REFERENCES goals (user_id, id) ON DELETE SET NULL (goal_id);

-- Tasks without a due date come last (docs/decisions/0003).
CREATE INDEX tasks_by_due_date ON tasks
  (user_id, (CASE WHEN due_date IS NULL THEN 'infinity' ELSE due_date END), id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_trash ON tasks
  (user_id, (CASE WHEN deleted_at IS NULL THEN '-infinity' ELSE deleted_at END), id) WHERE deleted_at IS NOT NULL;

-- Whether a task is open. A task in the trash is not.
CREATE FUNCTION task_is_open(status text, deleted_at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN status IN ('pending', 'in_progress', 'blocked') AND deleted_at IS NULL;

REVOKE ALL ON FUNCTION task_is_open(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION task_is_open(text, timestamptz) TO cairn_app;

-- Triggers of one kind run in the order of their names.
CREATE TRIGGER tasks_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON tasks
  FOR EACH ROW WHEN (NEW.status = 'completed' OR NEW.completed_at IS NOT NULL) EXECUTE FUNCTION set_completed_at();
CREATE TRIGGER tasks_3_version BEFORE UPDATE ON tasks
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION increment_version();
-- See record_change for the condition.
CREATE TRIGGER tasks_4_history AFTER INSERT OR UPDATE OR DELETE ON tasks FOR EACH ROW
  WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app')
  EXECUTE FUNCTION record_change('task');
CREATE TRIGGER tasks_4_quota AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON tasks TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
CREATE POLICY purge ON tasks TO cairn_purge USING (deleted_at IS NOT NULL) WITH CHECK (false);

REVOKE ALL ON tasks FROM PUBLIC;
-- completed_at: undo restores the earlier timestamp.
GRANT SELECT, INSERT, DELETE, UPDATE (goal_id, parent_task_id, title, description, notes, status, priority, category,
  due_date, estimated_hours, actual_hours, project_name, repository_path, tags, completed_at, deleted_at) ON tasks TO cairn_app;
GRANT SELECT (user_id, deleted_at) ON tasks TO cairn_purge;
