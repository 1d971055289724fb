-- The progress of a goal follows its tasks and subgoals, unless it is set manually (docs/decisions/0018).

-- Whether a task or subgoal with this status counts toward the progress of its goal.
CREATE FUNCTION counts_toward_progress(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN status <> 'cancelled';

-- The progress of a goal in percent: the average of the percentage of completed tasks and the average progress of the
-- subgoals, or the only one of the two that exists. 100 only if everything is completed, null if nothing contributes.
CREATE FUNCTION progress_of(user_id uuid, goal_id uuid) RETURNS numeric LANGUAGE plpgsql STABLE
  SET search_path = public, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE WHEN avg(half) > 99.99 AND avg(half) < 100 THEN 99.99 ELSE round(avg(half), 2) END FROM (
      SELECT 100.0 * count(*) FILTER (WHERE t.status = 'completed') / nullif(count(*), 0) FROM tasks t
        WHERE t.user_id = progress_of.user_id AND t.goal_id = progress_of.goal_id
          AND t.deleted_at IS NULL AND counts_toward_progress(t.status)
      UNION ALL
      SELECT avg(g.progress) FROM goals g
        WHERE g.user_id = progress_of.user_id AND g.parent_goal_id = progress_of.goal_id
          AND g.deleted_at IS NULL AND counts_toward_progress(g.status)
    ) halves (half)
  );
END $$;

-- Recomputes these goals, then their ancestors as long as the progress changes. Each goal is computed only once, after
-- its subgoals. A goal in the trash keeps its progress.
CREATE FUNCTION recompute_progress(user_id uuid, goal_ids uuid[]) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

-- After each statement on tasks: recomputes the goals that the tasks belong to, or belonged to before. A row that the
-- statement has not changed is in both tables, so it is found twice; a join of the two tables would get a plan for few
-- rows, which the connection keeps for many. After each row of a DELETE: a statement-level trigger would fire for the
-- statements of foreign keys instead of the user's statement.
CREATE FUNCTION recompute_progress_after_tasks() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  IF 'true' IN (transaction_flag('deleting_account'), transaction_flag('importing'))
    OR transaction_flag('restored_goal_id') IS NOT NULL THEN
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
END $$;

-- After each statement on goals: recomputes their present and former parents. Does nothing while recompute_progress
-- updates goals, because it recomputes the parents itself.
CREATE FUNCTION recompute_progress_after_subgoals() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  IF 'true' IN (transaction_flag('recomputing_progress'), transaction_flag('deleting_account'), transaction_flag('importing'))
    OR transaction_flag('restored_goal_id') IS NOT NULL THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM new_rows
      WHERE parent_goal_id IS NOT NULL AND progress IS NOT NULL GROUP BY user_id;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM old_rows
      WHERE parent_goal_id IS NOT NULL AND deleted_at IS NULL GROUP BY user_id;
  ELSE
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM (
      SELECT user_id, parent_goal_id FROM (
        SELECT user_id, id, parent_goal_id, progress,
            deleted_at IS NULL AND counts_toward_progress(status) AS is_counted
          FROM old_rows WHERE parent_goal_id IS NOT NULL
        UNION ALL
        SELECT user_id, id, parent_goal_id, progress, deleted_at IS NULL AND counts_toward_progress(status)
          FROM new_rows WHERE parent_goal_id IS NOT NULL
      ) rows GROUP BY user_id, id, parent_goal_id, progress, is_counted HAVING count(*) = 1
    ) changed GROUP BY user_id;
  END IF;
  RETURN NULL;
END $$;

-- If a user sets the progress, it becomes manual. If a goal is switched back to computed, its progress is computed. An
-- active goal is completed when its progress reaches 100, and a completed goal becomes active again when its progress is
-- no longer 100, unless the statement itself sets the status. An import keeps the values of its source.
CREATE FUNCTION apply_progress() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

REVOKE ALL ON FUNCTION counts_toward_progress(text), progress_of(uuid, uuid), recompute_progress(uuid, uuid[]),
  recompute_progress_after_tasks(), recompute_progress_after_subgoals(), apply_progress() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION counts_toward_progress(text), progress_of(uuid, uuid), recompute_progress(uuid, uuid[]) TO cairn_app;

CREATE TRIGGER goals_2_progress BEFORE INSERT OR UPDATE OF progress, progress_mode ON goals
  FOR EACH ROW EXECUTE FUNCTION apply_progress();

-- A trigger with transition tables is limited to one event. The conditions exclude rows that are deleted together with a
-- user: foreign keys delete them in the role of the schema owner.
CREATE TRIGGER tasks_4_progress_insert AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app')
  EXECUTE FUNCTION recompute_progress_after_tasks();
CREATE TRIGGER tasks_4_progress_update AFTER UPDATE ON tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app')
  EXECUTE FUNCTION recompute_progress_after_tasks();
CREATE TRIGGER tasks_4_progress_delete AFTER DELETE ON tasks FOR EACH ROW
  WHEN (OLD.goal_id IS NOT NULL AND OLD.deleted_at IS NULL AND (pg_trigger_depth() = 0 OR current_user = 'cairn_app'))
  EXECUTE FUNCTION recompute_progress_after_tasks();
CREATE TRIGGER goals_4_progress_insert AFTER INSERT ON goals REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app')
  EXECUTE FUNCTION recompute_progress_after_subgoals();
CREATE TRIGGER goals_4_progress_update AFTER UPDATE ON goals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app')
  EXECUTE FUNCTION recompute_progress_after_subgoals();
CREATE TRIGGER goals_4_progress_delete AFTER DELETE ON goals REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app')
  EXECUTE FUNCTION recompute_progress_after_subgoals();
