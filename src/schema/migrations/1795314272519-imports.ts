import { MigrationInterface, QueryRunner } from 'typeorm';

export class Imports1795314272519 implements MigrationInterface {
  readonly compatibleWith = 'RoleSettings1795295400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
CREATE TABLE "imports" (
  "user_id" uuid NOT NULL,
  "id" uuid NOT NULL DEFAULT new_id(),
  "status" text NOT NULL DEFAULT 'uploading',
  "validate_only" boolean NOT NULL DEFAULT false,
  "bytes" bigint NOT NULL DEFAULT '0',
  "step" text,
  "done" bigint NOT NULL DEFAULT '0',
  "total" bigint NOT NULL DEFAULT '0',
  "attempts" integer NOT NULL DEFAULT '0',
  "counts" jsonb,
  "error" jsonb,
  "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
  "active_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
  "finished_at" TIMESTAMP(3) WITH TIME ZONE,
  CONSTRAINT "imports_status_check" CHECK (status IN ('uploading', 'waiting', 'running', 'completed', 'failed')),
  CONSTRAINT "imports_pkey" PRIMARY KEY ("user_id", "id")
);

CREATE UNIQUE INDEX "imports_unfinished_key" ON "imports"  ("user_id") WHERE status IN ('uploading', 'waiting', 'running');

CREATE TABLE "import_parts" (
  "user_id" uuid NOT NULL,
  "import_id" uuid NOT NULL,
  "number" integer NOT NULL,
  "data" bytea NOT NULL,
  CONSTRAINT "import_parts_pkey" PRIMARY KEY ("user_id", "import_id", "number")
);

ALTER TABLE "changes" ADD "is_imported" boolean NOT NULL DEFAULT false;

ALTER TABLE "imports" ADD CONSTRAINT "imports_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

ALTER TABLE "import_parts" ADD CONSTRAINT "import_parts_import_id_fkey" FOREIGN KEY ("user_id", "import_id") REFERENCES "imports"("user_id","id") ON DELETE CASCADE ON UPDATE NO ACTION;

ALTER TABLE "import_parts" ADD CONSTRAINT "import_parts_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

CREATE OR REPLACE FUNCTION transaction_flag_setting(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours',
    'copying_tag_names', 'deleting_account', 'importing', 'importing_history', 'restored_goal_id') THEN
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
  before jsonb := coalesce(to_jsonb(OLD), '{}');
  number bigint;
  fields jsonb := '{}';
BEGIN
  IF 'true' IN (transaction_flag('deleting_account'), transaction_flag('importing_history')) THEN
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

CREATE OR REPLACE FUNCTION hours_worked(user_id uuid, task_id uuid)
 RETURNS numeric
 LANGUAGE sql
 STABLE
RETURN (SELECT round((sum(EXTRACT(epoch FROM (e.ended_at - e.started_at))) / (3600)::numeric), 2) AS round FROM time_entries e WHERE ((e.user_id = hours_worked.user_id) AND (e.task_id = hours_worked.task_id) AND (e.ended_at IS NOT NULL)));

CREATE OR REPLACE FUNCTION sum_actual_hours()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
END $function$;

ALTER TABLE imports ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE import_parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY owner ON imports TO cairn_app USING (user_id = (( SELECT current_user_id() AS current_user_id))) WITH CHECK (user_id = (( SELECT current_user_id() AS current_user_id)));

CREATE POLICY purge ON imports TO cairn_purge USING (status = ANY (ARRAY['uploading'::text, 'waiting'::text, 'running'::text])) WITH CHECK (status = ANY (ARRAY['waiting'::text, 'running'::text]));

CREATE POLICY owner ON import_parts TO cairn_app USING (user_id = (( SELECT current_user_id() AS current_user_id))) WITH CHECK (user_id = (( SELECT current_user_id() AS current_user_id)));

REVOKE EXECUTE ON FUNCTION hours_worked(uuid,uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION hours_worked(uuid,uuid) TO cairn_app;

GRANT DELETE, INSERT, SELECT ON import_parts TO cairn_app;

GRANT DELETE, INSERT, SELECT, UPDATE (active_at, bytes, counts, error, finished_at, status) ON imports TO cairn_app;

GRANT DELETE, SELECT (active_at, attempts, bytes, created_at, id, status, user_id, validate_only), UPDATE (active_at, attempts, done, status, step, total) ON imports TO cairn_purge;
`;

const down = `
DROP POLICY owner ON import_parts;

DROP POLICY purge ON imports;

DROP POLICY owner ON imports;

ALTER TABLE "import_parts" DROP CONSTRAINT "import_parts_user_id_fkey";

ALTER TABLE "import_parts" DROP CONSTRAINT "import_parts_import_id_fkey";

ALTER TABLE "imports" DROP CONSTRAINT "imports_user_id_fkey";

ALTER TABLE "changes" DROP COLUMN "is_imported";

DROP TABLE "import_parts";

DROP INDEX "public"."imports_unfinished_key";

DROP TABLE "imports";

DROP FUNCTION hours_worked(uuid,uuid);

CREATE OR REPLACE FUNCTION transaction_flag_setting(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours',
    'copying_tag_names', 'deleting_account', 'importing', 'restored_goal_id') THEN
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
`;
