-- TypeORM cannot express SET NULL for only one column of a key, so this replaces the foreign key of the entity.
ALTER TABLE goals
  DROP CONSTRAINT IF EXISTS goals_parent_goal_id_fkey,
  ADD CONSTRAINT goals_parent_goal_id_fkey FOREIGN KEY (user_id, parent_goal_id)
    REFERENCES goals (user_id, id) ON DELETE SET NULL (parent_goal_id);

-- Goals without a target date come last (docs/decisions/0003).
CREATE INDEX goals_by_target_date ON goals
  (user_id, (CASE WHEN target_date IS NULL THEN 'infinity' ELSE target_date END), id);

CREATE INDEX goals_trash ON goals
  (user_id, (CASE WHEN deleted_at IS NULL THEN '-infinity' ELSE deleted_at END), id) WHERE deleted_at IS NOT NULL;

-- Whether a goal is open, unless it is in the trash.
CREATE FUNCTION goal_is_open(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN status IN ('active', 'on_hold');

REVOKE ALL ON FUNCTION goal_is_open(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goal_is_open(text) TO cairn_app;

-- Refuses a goal below more goals than the quota goal_depth allows, and a move after which one of its descendants would be.
CREATE FUNCTION refuse_goal_depth() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  quota integer := quota_of('goal_depth');
  above integer;
  levels integer := 1;
BEGIN
  WITH RECURSIVE ancestor (id, depth) AS (
    SELECT NEW.parent_goal_id, 1
    UNION ALL
    SELECT g.parent_goal_id, a.depth + 1 FROM ancestor a JOIN goals g ON g.user_id = NEW.user_id AND g.id = a.id
      WHERE g.parent_goal_id IS NOT NULL AND a.depth < quota
  )
  SELECT max(depth) INTO above FROM ancestor;
  IF TG_OP = 'UPDATE' THEN
    WITH RECURSIVE descendant (id, depth) AS (
      SELECT NEW.id, 1
      UNION ALL
      SELECT g.id, d.depth + 1 FROM descendant d JOIN goals g ON g.user_id = NEW.user_id AND g.parent_goal_id = d.id
        WHERE d.depth < quota
    )
    SELECT max(depth) INTO levels FROM descendant;
  END IF;
  IF above + levels > quota THEN
    PERFORM raise_quota_exceeded('goal_depth', quota);
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION refuse_goal_depth() FROM PUBLIC;

-- Refuses a task or subgoal of a goal in the trash: SQLSTATE ZC404, as for a missing goal.
CREATE FUNCTION refuse_trashed_goal() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

REVOKE ALL ON FUNCTION refuse_trashed_goal() FROM PUBLIC;

CREATE TRIGGER tasks_1_goal BEFORE INSERT OR UPDATE OF goal_id ON tasks
  FOR EACH ROW WHEN (NEW.goal_id IS NOT NULL) EXECUTE FUNCTION refuse_trashed_goal();

-- Triggers of one kind run in the order of their names: a cycle is refused before the depth is measured. Restoring a goal
-- from the trash can link thousands of subgoals, which it checks together.
CREATE TRIGGER goals_1_cycle BEFORE UPDATE OF parent_goal_id ON goals
  FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL AND transaction_flag('restored_goal_id') IS NULL)
  EXECUTE FUNCTION refuse_cycle('parent_goal_id');
CREATE TRIGGER goals_1_depth BEFORE INSERT OR UPDATE OF parent_goal_id ON goals
  FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL AND transaction_flag('restored_goal_id') IS NULL)
  EXECUTE FUNCTION refuse_goal_depth();
CREATE TRIGGER goals_1_parent BEFORE INSERT OR UPDATE OF parent_goal_id ON goals
  FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL) EXECUTE FUNCTION refuse_trashed_goal();
CREATE TRIGGER goals_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON goals
  FOR EACH ROW WHEN (NEW.status = 'completed' OR NEW.completed_at IS NOT NULL) EXECUTE FUNCTION set_completed_at();
CREATE TRIGGER goals_3_version BEFORE UPDATE ON goals
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION increment_version();
-- See record_change for the condition.
CREATE TRIGGER goals_4_history AFTER INSERT OR UPDATE OR DELETE ON goals FOR EACH ROW
  WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app')
  EXECUTE FUNCTION record_change('goal');
CREATE TRIGGER goals_4_quota AFTER INSERT ON goals REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

ALTER TABLE goals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON goals TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
CREATE POLICY purge ON goals TO cairn_purge USING (deleted_at IS NOT NULL) WITH CHECK (false);

REVOKE ALL ON goals FROM PUBLIC;
-- completed_at: undo restores the earlier timestamp, and an import sets that of its source.
GRANT SELECT, INSERT, DELETE, UPDATE (parent_goal_id, title, description, horizon, target_date, status, progress,
  progress_mode, success_criteria, metrics, project_name, completed_at, deleted_at) ON goals TO cairn_app;
GRANT SELECT (user_id, deleted_at) ON goals TO cairn_purge;
