import { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds the responses to requests with an idempotency key, and the check of the version that a client requires. */
export class IdempotencyKeysAndVersions1795313086426 implements MigrationInterface {
  readonly compatibleWith = 'ImportedRows1795304164752';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
CREATE TABLE "idempotency_keys" (
  "user_id" uuid NOT NULL,
  "key_hash" bytea NOT NULL,
  "body_hash" bytea NOT NULL,
  "status" smallint NOT NULL,
  "body" text,
  "stored_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
  CONSTRAINT "idempotency_keys_status_check" CHECK (status BETWEEN 200 AND 299),
  CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("user_id", "key_hash")
);

ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

CREATE OR REPLACE FUNCTION require_version(version bigint, versions bigint[], other_versions bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF NOT coalesce(version = ANY (versions), true) OR coalesce(version = ANY (other_versions), true) THEN
    RAISE EXCEPTION 'the row has another version' USING ERRCODE = 'ZC412';
  END IF;
END $function$;

CREATE OR REPLACE FUNCTION check_user()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  hidden text[] := '{password_hash,last_login_at,deactivated_at,can_reactivate}';
BEGIN
  PERFORM now() AT TIME ZONE NEW.timezone;
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - hidden <> to_jsonb(NEW) - hidden THEN
    NEW.updated_at := greatest(now(), OLD.updated_at + interval '1 millisecond');
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION lock_idempotency_key(user_id uuid, key_hash text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('idempotency key ' || user_id || key_hash, 0)) THEN
    RAISE EXCEPTION 'a request with this key is running' USING ERRCODE = 'ZC409', HINT = 'idempotency_key_in_use';
  END IF;
END $function$;

CREATE OR REPLACE FUNCTION count_response_bytes()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  quota integer := quota_of('idempotency_bytes');
  total bigint;
BEGIN
  UPDATE row_counts c SET count = c.count + octet_length(NEW.body)
    WHERE c.user_id = NEW.user_id AND c.table_name = 'idempotency_bytes' RETURNING c.count INTO total;
  IF total <= coalesce(quota, total) THEN
    RETURN NULL;
  END IF;
  SELECT sum(octet_length(k.body)) INTO total FROM idempotency_keys k WHERE k.user_id = NEW.user_id;
  IF total > quota THEN
    PERFORM raise_quota_exceeded('idempotency_bytes', quota);
  END IF;
  INSERT INTO row_counts (user_id, table_name, count) VALUES (NEW.user_id, 'idempotency_bytes', total)
    ON CONFLICT (user_id, table_name) DO UPDATE SET count = excluded.count;
  RETURN NULL;
END $function$;

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TRIGGER idempotency_keys_4_quota AFTER INSERT ON idempotency_keys REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

CREATE TRIGGER idempotency_keys_4_quota_of_bytes AFTER INSERT ON idempotency_keys FOR EACH ROW WHEN (new.body IS NOT NULL) EXECUTE FUNCTION count_response_bytes();

CREATE POLICY owner ON idempotency_keys TO cairn_app USING (user_id = (( SELECT current_user_id() AS current_user_id))) WITH CHECK (user_id = (( SELECT current_user_id() AS current_user_id)));

CREATE POLICY purge ON idempotency_keys TO cairn_purge USING (stored_at <= (now() - '24:00:00'::interval)) WITH CHECK (false);

REVOKE EXECUTE ON FUNCTION require_version(bigint,bigint[],bigint[]) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION lock_idempotency_key(uuid,text) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION count_response_bytes() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION lock_idempotency_key(uuid,text) TO cairn_login;

GRANT EXECUTE ON FUNCTION require_version(bigint,bigint[],bigint[]) TO cairn_admin;

GRANT EXECUTE ON FUNCTION require_version(bigint,bigint[],bigint[]) TO cairn_app;

GRANT EXECUTE ON FUNCTION require_version(bigint,bigint[],bigint[]) TO cairn_auth;

GRANT SELECT, INSERT, DELETE ON idempotency_keys TO cairn_app;

GRANT DELETE, SELECT (key_hash, stored_at, user_id) ON idempotency_keys TO cairn_purge;
`;

const down = `
DROP POLICY purge ON idempotency_keys;

DROP POLICY owner ON idempotency_keys;

DROP TRIGGER idempotency_keys_4_quota_of_bytes ON idempotency_keys;

DROP TRIGGER idempotency_keys_4_quota ON idempotency_keys;

ALTER TABLE "idempotency_keys" DROP CONSTRAINT "idempotency_keys_user_id_fkey";

DROP TABLE "idempotency_keys";

DROP FUNCTION count_response_bytes();

DROP FUNCTION lock_idempotency_key(uuid,text);

DROP FUNCTION require_version(bigint,bigint[],bigint[]);

CREATE OR REPLACE FUNCTION check_user()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  hidden text[] := '{password_hash,last_login_at}';
BEGIN
  PERFORM now() AT TIME ZONE NEW.timezone;
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - hidden <> to_jsonb(NEW) - hidden THEN
    NEW.updated_at := now();
  END IF;
  RETURN NEW;
END $function$;
`;
