-- TypeORM cannot express SET NULL for only one column of a key, so this replaces the foreign key of the entity.
ALTER TABLE goals
  DROP CONSTRAINT IF EXISTS goals_parent_goal_id_fkey,
  ADD CONSTRAINT goals_parent_goal_id_fkey FOREIGN KEY (user_id, parent_goal_id)
    REFERENCES goals (user_id, id) ON DELETE SET NULL (parent_goal_id);

-- Goals without a target date come last (docs/decisions/0003).
CREATE INDEX goals_by_target_date ON goals
  (user_id, (CASE WHEN target_date IS NULL THEN 'infinity' ELSE target_date END), id);

-- Whether a goal is open.
CREATE FUNCTION goal_is_open(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN status IN ('active', 'on_hold');

REVOKE ALL ON FUNCTION goal_is_open(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goal_is_open(text) TO cairn_app;

-- Triggers of one kind run in the order of their names.
CREATE TRIGGER goals_1_cycle BEFORE UPDATE OF parent_goal_id ON goals
  FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL) EXECUTE FUNCTION refuse_cycle('parent_goal_id');
CREATE TRIGGER goals_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON goals
  FOR EACH ROW EXECUTE FUNCTION set_completed_at();
CREATE TRIGGER goals_3_version BEFORE UPDATE ON goals
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION increment_version();
-- See record_change for the condition.
CREATE TRIGGER goals_4_history AFTER INSERT OR UPDATE OR DELETE ON goals
  FOR EACH ROW WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app') EXECUTE FUNCTION record_change('goal');

ALTER TABLE goals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON goals TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON goals FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (parent_goal_id, title, description, horizon, target_date, status, progress,
  progress_mode, success_criteria, metrics, project_name) ON goals TO cairn_app;
