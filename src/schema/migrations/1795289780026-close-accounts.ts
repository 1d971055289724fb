import { MigrationInterface, QueryRunner } from 'typeorm';

export class CloseAccounts1795289780026 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
DROP POLICY purge ON users;

DROP TRIGGER users_deactivated_at ON users;

ALTER TABLE "users" ADD "can_reactivate" boolean NOT NULL DEFAULT false;

ALTER TABLE "users" ADD "deletion_at" TIMESTAMP(3) WITH TIME ZONE;

ALTER TABLE "users" ADD CONSTRAINT "users_can_reactivate_check" CHECK (NOT (is_active AND can_reactivate));

ALTER TABLE "users" ADD CONSTRAINT "users_deletion_at_check" CHECK (NOT is_active OR deletion_at IS NULL);

ALTER TABLE mails DROP CONSTRAINT mails_kind_check;

ALTER TABLE one_time_tokens DROP CONSTRAINT one_time_tokens_purpose_check;

DROP FUNCTION set_deactivated_at();

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

CREATE OR REPLACE FUNCTION sum_actual_hours()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  entry time_entries := coalesce(NEW, OLD);
BEGIN
  IF TG_OP = 'INSERT' AND NEW.ended_at IS NULL OR transaction_flag('deleting_account') = 'true' THEN
    RETURN NULL;
  END IF;
  PERFORM set_transaction_flag('summing_hours', 'true');
  UPDATE tasks t SET actual_hours = (
      SELECT round(sum(extract(epoch FROM e.ended_at - e.started_at)) / 3600, 2) FROM time_entries e
      WHERE e.user_id = entry.user_id AND e.task_id = entry.task_id AND e.ended_at IS NOT NULL
    ) WHERE t.user_id = entry.user_id AND t.id = entry.task_id;
  PERFORM set_transaction_flag('summing_hours', '');
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION apply_deactivation()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF NEW.is_active THEN
    NEW.deactivated_at := NULL;
    NEW.can_reactivate := false;
    NEW.deletion_at := NULL;
  ELSE
    NEW.deactivated_at := coalesce(NEW.deactivated_at, now());
    IF NEW.deletion_at <= now()::timestamptz(3) THEN
      NEW.email := NEW.id || '@deleted';
      NEW.username := NULL;
      NEW.full_name := NULL;
      NEW.password_hash := '$argon2id$';
    END IF;
  END IF;
  RETURN NEW;
END $function$;

ALTER TABLE one_time_tokens ADD CONSTRAINT one_time_tokens_purpose_check CHECK (purpose = ANY (ARRAY['verify_email'::text, 'reset_password'::text, 'reopen_account'::text]));

ALTER TABLE mails ADD CONSTRAINT mails_kind_check CHECK (kind = ANY (ARRAY['verify_email'::text, 'reset_password'::text, 'reopen_account'::text, 'password_changed'::text, 'email_changed'::text, 'account_deleted'::text]));

CREATE TRIGGER users_deactivation BEFORE INSERT OR UPDATE OF is_active, deactivated_at, deletion_at ON users FOR EACH ROW EXECUTE FUNCTION apply_deactivation();

CREATE POLICY purge ON users TO cairn_purge USING (NOT is_active) WITH CHECK (NOT is_active);

REVOKE DELETE ON users FROM cairn_app;

REVOKE DELETE ON users FROM cairn_admin;

REVOKE EXECUTE ON FUNCTION apply_deactivation() FROM PUBLIC;

GRANT SELECT (can_reactivate, deletion_at), UPDATE (can_reactivate, deletion_at) ON users TO cairn_admin;

GRANT SELECT (deletion_at) ON users TO cairn_app;

GRANT UPDATE (can_reactivate, deletion_at, is_active) ON users TO cairn_auth;

GRANT SELECT (can_reactivate, deletion_at), UPDATE (deletion_at) ON users TO cairn_purge;
`;

const down = `
-- The constraints below do not allow these rows. Row-level security hides them even from the owner of the tables.
ALTER TABLE mails NO FORCE ROW LEVEL SECURITY;
ALTER TABLE one_time_tokens NO FORCE ROW LEVEL SECURITY;
DELETE FROM mails WHERE kind IN ('reopen_account', 'account_deleted');
DELETE FROM one_time_tokens WHERE purpose = 'reopen_account';
ALTER TABLE mails FORCE ROW LEVEL SECURITY;
ALTER TABLE one_time_tokens FORCE ROW LEVEL SECURITY;

DROP POLICY purge ON users;

DROP TRIGGER users_deactivation ON users;

ALTER TABLE "users" DROP CONSTRAINT "users_deletion_at_check";

ALTER TABLE "users" DROP CONSTRAINT "users_can_reactivate_check";

ALTER TABLE "users" DROP COLUMN "deletion_at";

ALTER TABLE "users" DROP COLUMN "can_reactivate";

ALTER TABLE mails DROP CONSTRAINT mails_kind_check;

ALTER TABLE one_time_tokens DROP CONSTRAINT one_time_tokens_purpose_check;

DROP FUNCTION apply_deactivation();

CREATE OR REPLACE FUNCTION transaction_flag_setting(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours') THEN
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

CREATE OR REPLACE FUNCTION set_deactivated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  NEW.deactivated_at := CASE WHEN NOT NEW.is_active THEN coalesce(NEW.deactivated_at, now()) END;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION recompute_progress_after_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF TG_OP = 'INSERT' THEN
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
  IF transaction_flag('recomputing_progress') = 'true' THEN
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

CREATE OR REPLACE FUNCTION sum_actual_hours()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  entry time_entries := coalesce(NEW, OLD);
BEGIN
  IF TG_OP = 'INSERT' AND NEW.ended_at IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM set_transaction_flag('summing_hours', 'true');
  UPDATE tasks t SET actual_hours = (
      SELECT round(sum(extract(epoch FROM e.ended_at - e.started_at)) / 3600, 2) FROM time_entries e
      WHERE e.user_id = entry.user_id AND e.task_id = entry.task_id AND e.ended_at IS NOT NULL
    ) WHERE t.user_id = entry.user_id AND t.id = entry.task_id;
  PERFORM set_transaction_flag('summing_hours', '');
  RETURN NULL;
END $function$;

ALTER TABLE one_time_tokens ADD CONSTRAINT one_time_tokens_purpose_check CHECK (purpose = ANY (ARRAY['verify_email'::text, 'reset_password'::text]));

ALTER TABLE mails ADD CONSTRAINT mails_kind_check CHECK (kind = ANY (ARRAY['verify_email'::text, 'reset_password'::text, 'password_changed'::text, 'email_changed'::text]));

CREATE TRIGGER users_deactivated_at BEFORE INSERT OR UPDATE OF is_active, deactivated_at ON users FOR EACH ROW EXECUTE FUNCTION set_deactivated_at();

CREATE POLICY purge ON users TO cairn_purge USING (NOT is_active) WITH CHECK (false);

REVOKE UPDATE (is_active) ON users FROM cairn_auth;

REVOKE EXECUTE ON FUNCTION set_deactivated_at() FROM PUBLIC;

GRANT DELETE ON users TO cairn_admin;

GRANT DELETE ON users TO cairn_app;
`;
