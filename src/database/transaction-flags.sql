-- Flags tell triggers what the current transaction is doing. They end with the transaction. All access goes through these
-- functions, so that a misspelled name raises an error.
--
--   ignore_open_dependencies  'true': a task can be completed even if it depends on an open task
--   restored_task_id          the task that is being restored from the trash together with its subtasks
--   trashed_at                when that task was moved to the trash; its subtasks with the same timestamp are restored
--   restored_goal_id          the goal that is being restored from the trash with its links: triggers leave its progress to
--                             the statement after them
--   recomputing_progress      'true' while recompute_progress updates goals
--   summing_hours             'true' while sum_actual_hours updates a task
--   copying_tag_names         'true' while a statement updates only `tasks.tags`, after a tag was renamed or deleted
--   deleting_account          'true' while the purge deletes the rows of a closed account: triggers that keep history,
--                             progress and sums up to date do nothing
--   importing                 'true' while rows are imported: the import keeps the status and progress of goals and the
--                             hours of tasks, and itself computes them and checks the quotas of one goal and one task, once
--                             for all rows
--   importing_history         'true' while rows are imported whose history is imported too: their creation is not recorded

-- The name of the setting that holds the flag. IMMUTABLE: with a constant name, the check happens once, in the planner.
CREATE FUNCTION transaction_flag_setting(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
  SET search_path = public, pg_temp AS $$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours',
    'copying_tag_names', 'deleting_account', 'importing', 'importing_history', 'restored_goal_id') THEN
    RETURN 'cairn.' || name;
  END IF;
  RAISE EXCEPTION 'unknown transaction flag: %', name USING ERRCODE = 'invalid_parameter_value';
END $$;

-- The value of a flag; null when it is not set.
CREATE FUNCTION transaction_flag(name text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting(transaction_flag_setting(name), true), '');

-- Sets a flag until the end of the transaction. An empty value clears it.
CREATE FUNCTION set_transaction_flag(name text, value text) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config(transaction_flag_setting(name), value, true);
END $$;

REVOKE ALL ON FUNCTION transaction_flag_setting(text), transaction_flag(text), set_transaction_flag(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION transaction_flag_setting(text), transaction_flag(text), set_transaction_flag(text, text) TO cairn_app;
