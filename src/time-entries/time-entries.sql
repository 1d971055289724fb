-- The sum of the ended time entries of a task in hours; null if there are none.
CREATE FUNCTION hours_worked(user_id uuid, task_id uuid) RETURNS numeric LANGUAGE sql STABLE
  RETURN (
    SELECT round(sum(extract(epoch FROM e.ended_at - e.started_at)) / 3600, 2) FROM time_entries e
    WHERE e.user_id = hours_worked.user_id AND e.task_id = hours_worked.task_id AND e.ended_at IS NOT NULL
  );

-- After each change of a time entry: sets actual_hours of its task.
CREATE FUNCTION sum_actual_hours() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  entry time_entries := coalesce(NEW, OLD);
BEGIN
  IF TG_OP = 'INSERT' AND NEW.ended_at IS NULL
    OR 'true' IN (transaction_flag('deleting_account'), transaction_flag('importing')) THEN
    RETURN NULL;
  END IF;
  PERFORM set_transaction_flag('summing_hours', 'true');
  UPDATE tasks t SET actual_hours = hours_worked(entry.user_id, entry.task_id)
    WHERE t.user_id = entry.user_id AND t.id = entry.task_id;
  PERFORM set_transaction_flag('summing_hours', '');
  RETURN NULL;
END $$;

CREATE TRIGGER time_entries_4_hours AFTER INSERT OR UPDATE OR DELETE ON time_entries
  FOR EACH ROW EXECUTE FUNCTION sum_actual_hours();

-- Refuses a manual change of actual_hours if a time entry of the task has ended.
CREATE FUNCTION refuse_manual_hours() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM time_entries e WHERE e.user_id = NEW.user_id AND e.task_id = NEW.id AND e.ended_at IS NOT NULL;
  IF FOUND AND transaction_flag('summing_hours') IS DISTINCT FROM 'true' THEN
    RAISE EXCEPTION 'actual_hours is the sum of the time entries' USING ERRCODE = 'ZC409', HINT = 'hours_counted';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER tasks_1_hours BEFORE UPDATE OF actual_hours ON tasks
  FOR EACH ROW WHEN (OLD.actual_hours IS DISTINCT FROM NEW.actual_hours) EXECUTE FUNCTION refuse_manual_hours();

REVOKE ALL ON FUNCTION hours_worked(uuid, uuid), sum_actual_hours(), refuse_manual_hours() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hours_worked(uuid, uuid) TO cairn_app;

CREATE TRIGGER time_entries_3_version BEFORE UPDATE ON time_entries
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION increment_version();
CREATE TRIGGER time_entries_4_quota AFTER INSERT ON time_entries REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

ALTER TABLE time_entries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON time_entries TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON time_entries FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (started_at, ended_at, note) ON time_entries TO cairn_app;
