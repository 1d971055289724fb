import { MigrationInterface, QueryRunner } from 'typeorm';

export class Quotas1795294333888 implements MigrationInterface {
  readonly compatibleWith = 'CloseAccounts1795289780026';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
DROP TRIGGER goals_4_history ON goals;

DROP TRIGGER tasks_4_history ON tasks;

CREATE TABLE "row_counts" (
  "user_id" uuid NOT NULL,
  "table_name" text NOT NULL,
  "count" integer NOT NULL,
  CONSTRAINT "row_counts_pkey" PRIMARY KEY ("user_id", "table_name")
);

ALTER TABLE "row_counts" ADD CONSTRAINT "row_counts_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

CREATE OR REPLACE FUNCTION transaction_flag_setting(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours',
    'copying_tag_names', 'deleting_account') THEN
    RETURN 'cairn.' || name;
  END IF;
  RAISE EXCEPTION 'unknown transaction flag: %', name USING ERRCODE = 'invalid_parameter_value';
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF transaction_flag('deleting_account') = 'true' THEN
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
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_subgoals()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF 'true' IN (transaction_flag('recomputing_progress'), transaction_flag('deleting_account')) THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM new_rows
      WHERE parent_goal_id IS NOT NULL AND progress IS NOT NULL GROUP BY user_id;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM old_rows
      WHERE parent_goal_id IS NOT NULL GROUP BY user_id;
  ELSE
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM (
      SELECT user_id, parent_goal_id FROM (
        SELECT user_id, id, parent_goal_id, progress, counts_toward_progress(status) AS is_counted
          FROM old_rows WHERE parent_goal_id IS NOT NULL
        UNION ALL
        SELECT user_id, id, parent_goal_id, progress, counts_toward_progress(status)
          FROM new_rows WHERE parent_goal_id IS NOT NULL
      ) rows GROUP BY user_id, id, parent_goal_id, progress, is_counted HAVING count(*) = 1
    ) changed GROUP BY user_id;
  END IF;
  RETURN NULL;
END $function$;

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
  IF transaction_flag('deleting_account') = 'true' THEN
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

CREATE OR REPLACE FUNCTION quota_of(name text)
 RETURNS integer
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (((NULLIF(current_setting('cairn.quotas'::text, true), ''::text))::jsonb ->> name))::integer;

CREATE OR REPLACE FUNCTION raise_quota_exceeded(name text, quota integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  RAISE EXCEPTION 'quota exceeded: %', name
    USING ERRCODE = 'ZC409', HINT = 'quota_exceeded', DETAIL = jsonb_build_object('name', name, 'value', quota);
END $function$;

CREATE OR REPLACE FUNCTION count_rows()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  quota integer := quota_of(TG_TABLE_NAME);
  owner uuid;
  added integer;
  counted integer;
BEGIN
  FOR owner, added IN SELECT n.user_id, count(*) FROM new_rows n GROUP BY n.user_id LOOP
    UPDATE row_counts c SET count = c.count + added WHERE c.user_id = owner AND c.table_name = TG_TABLE_NAME
      RETURNING c.count INTO counted;
    CONTINUE WHEN counted <= coalesce(quota, counted);
    EXECUTE format('SELECT count(*) FROM %I.%I t WHERE t.user_id = $1', TG_TABLE_SCHEMA, TG_TABLE_NAME)
      INTO counted USING owner;
    IF counted > quota THEN
      PERFORM raise_quota_exceeded(TG_TABLE_NAME, quota);
    END IF;
    INSERT INTO row_counts (user_id, table_name, count) VALUES (owner, TG_TABLE_NAME, counted)
      ON CONFLICT (user_id, table_name) DO UPDATE SET count = excluded.count;
  END LOOP;
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

CREATE OR REPLACE FUNCTION refuse_goal_depth()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
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

ALTER TABLE row_counts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TRIGGER tags_4_quota AFTER INSERT ON tags REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

CREATE TRIGGER tasks_4_quota_of_parent AFTER INSERT OR UPDATE OF goal_id, parent_task_id ON tasks FOR EACH ROW WHEN (new.goal_id IS NOT NULL OR new.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_many_tasks();

CREATE TRIGGER tasks_4_history AFTER INSERT OR DELETE OR UPDATE ON tasks FOR EACH ROW WHEN ((pg_trigger_depth() = 0 OR CURRENT_USER = 'cairn_app'::name) AND transaction_flag('copying_tag_names'::text) IS NULL) EXECUTE FUNCTION record_change('task');

CREATE TRIGGER tasks_4_quota AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

CREATE TRIGGER time_entries_4_quota AFTER INSERT ON time_entries REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

CREATE TRIGGER personal_tokens_4_quota AFTER INSERT ON personal_tokens REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

CREATE TRIGGER goals_1_depth BEFORE INSERT OR UPDATE OF parent_goal_id ON goals FOR EACH ROW WHEN (new.parent_goal_id IS NOT NULL) EXECUTE FUNCTION refuse_goal_depth();

CREATE TRIGGER goals_4_history AFTER INSERT OR DELETE OR UPDATE ON goals FOR EACH ROW WHEN ((pg_trigger_depth() = 0 OR CURRENT_USER = 'cairn_app'::name) AND transaction_flag('recomputing_progress'::text) IS NULL) EXECUTE FUNCTION record_change('goal');

CREATE TRIGGER goals_4_history_status AFTER UPDATE ON goals FOR EACH ROW WHEN (old.status <> new.status AND transaction_flag('recomputing_progress'::text) = 'true'::text) EXECUTE FUNCTION record_change('goal');

CREATE TRIGGER goals_4_quota AFTER INSERT ON goals REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

CREATE TRIGGER task_dependencies_4_quota AFTER INSERT ON task_dependencies REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

CREATE TRIGGER task_dependencies_4_quota_of_task AFTER INSERT ON task_dependencies FOR EACH ROW EXECUTE FUNCTION refuse_many_dependencies();

CREATE POLICY owner ON row_counts TO cairn_app USING (user_id = (( SELECT current_user_id() AS current_user_id))) WITH CHECK (user_id = (( SELECT current_user_id() AS current_user_id)));

REVOKE EXECUTE ON FUNCTION refuse_many_tasks() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION refuse_many_dependencies() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION refuse_goal_depth() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION raise_quota_exceeded(text,integer) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION quota_of(text) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION count_rows() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION quota_of(text) TO cairn_app;

GRANT EXECUTE ON FUNCTION raise_quota_exceeded(text,integer) TO cairn_app;

GRANT INSERT, SELECT, UPDATE (count) ON row_counts TO cairn_app;
`;

const down = `
DROP POLICY owner ON row_counts;

DROP TRIGGER task_dependencies_4_quota_of_task ON task_dependencies;

DROP TRIGGER task_dependencies_4_quota ON task_dependencies;

DROP TRIGGER goals_4_quota ON goals;

DROP TRIGGER goals_4_history_status ON goals;

DROP TRIGGER goals_1_depth ON goals;

DROP TRIGGER personal_tokens_4_quota ON personal_tokens;

DROP TRIGGER time_entries_4_quota ON time_entries;

DROP TRIGGER tasks_4_quota ON tasks;

DROP TRIGGER tasks_4_quota_of_parent ON tasks;

DROP TRIGGER tags_4_quota ON tags;

DROP TRIGGER tasks_4_history ON tasks;

DROP TRIGGER goals_4_history ON goals;

ALTER TABLE "row_counts" DROP CONSTRAINT "row_counts_user_id_fkey";

DROP TABLE "row_counts";

DROP FUNCTION refuse_many_dependencies();

DROP FUNCTION refuse_goal_depth();

DROP FUNCTION refuse_many_tasks();

DROP FUNCTION count_rows();

DROP FUNCTION raise_quota_exceeded(text,integer);

DROP FUNCTION quota_of(text);

CREATE OR REPLACE FUNCTION transaction_flag_setting(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours',
    'deleting_account') THEN
    RETURN 'cairn.' || name;
  END IF;
  RAISE EXCEPTION 'unknown transaction flag: %', name USING ERRCODE = 'invalid_parameter_value';
END $function$;

CREATE OR REPLACE FUNCTION record_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  changed record := coalesce(NEW, OLD);
  number bigint;
  fields jsonb := '{}';
BEGIN
  IF transaction_flag('deleting_account') = 'true' THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    SELECT jsonb_object_agg(key, jsonb_build_object('old', coalesce(o.value, 'null'), 'new', n.value)) INTO fields
      FROM jsonb_each(to_jsonb(NEW)) n LEFT JOIN jsonb_each(to_jsonb(OLD)) o USING (key)
      WHERE n.value <> coalesce(o.value, 'null') AND key NOT IN ('user_id', 'id', 'created_at', 'updated_at', 'version');
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

CREATE OR REPLACE FUNCTION recompute_progress_after_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF transaction_flag('deleting_account') = 'true' THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT goal_id)) FROM new_rows WHERE goal_id IS NOT NULL GROUP BY user_id;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM recompute_progress(OLD.user_id, ARRAY[OLD.goal_id]);
  ELSE
    PERFORM recompute_progress(n.user_id, array_agg(DISTINCT touched.goal_id))
      FROM new_rows n JOIN old_rows o USING (user_id, id) CROSS JOIN LATERAL (VALUES (o.goal_id), (n.goal_id)) touched (goal_id)
      WHERE touched.goal_id IS NOT NULL AND (o.goal_id IS DISTINCT FROM n.goal_id OR o.status <> n.status
        OR (o.deleted_at IS NULL) <> (n.deleted_at IS NULL))
      GROUP BY n.user_id;
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_subgoals()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF 'true' IN (transaction_flag('recomputing_progress'), transaction_flag('deleting_account')) THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM new_rows
      WHERE parent_goal_id IS NOT NULL AND progress IS NOT NULL GROUP BY user_id;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM recompute_progress(user_id, array_agg(DISTINCT parent_goal_id)) FROM old_rows
      WHERE parent_goal_id IS NOT NULL GROUP BY user_id;
  ELSE
    PERFORM recompute_progress(n.user_id, array_agg(DISTINCT touched.goal_id))
      FROM new_rows n JOIN old_rows o USING (user_id, id)
        CROSS JOIN LATERAL (VALUES (o.parent_goal_id), (n.parent_goal_id)) touched (goal_id)
      WHERE touched.goal_id IS NOT NULL AND (o.parent_goal_id IS DISTINCT FROM n.parent_goal_id
        OR o.progress IS DISTINCT FROM n.progress OR counts_toward_progress(o.status) <> counts_toward_progress(n.status))
      GROUP BY n.user_id;
  END IF;
  RETURN NULL;
END $function$;

CREATE TRIGGER goals_4_history AFTER INSERT OR DELETE OR UPDATE ON goals FOR EACH ROW WHEN (pg_trigger_depth() = 0 OR CURRENT_USER = 'cairn_app'::name) EXECUTE FUNCTION record_change('goal');

CREATE TRIGGER tasks_4_history AFTER INSERT OR DELETE OR UPDATE ON tasks FOR EACH ROW WHEN (pg_trigger_depth() = 0 OR CURRENT_USER = 'cairn_app'::name) EXECUTE FUNCTION record_change('task');
`;
