import { MigrationInterface, QueryRunner } from 'typeorm';

export const earlierVersionMessage =
  'This database was created by an earlier development version of Cairn and cannot be migrated. To start afresh, ' +
  'which deletes its data: for the embedded database, stop Cairn and run `rm -rf .data/postgres`; for another ' +
  'database, run as its owner: DROP SCHEMA public CASCADE; CREATE SCHEMA public;';

/**
 * The whole schema of the first release (docs/decisions/0020). From `objects` on, it is a copy of the .sql files as they
 * were then; their current definitions are in `src`.
 */
export class Baseline1795276800000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const part of [refuseEarlierVersion, roles, databasePrivileges, tables, objects])
      await queryRunner.query(part);
  }

  /**
   * The roles remain: they belong to the whole server, and other databases may use them. The privileges on the database
   * remain revoked.
   */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
DROP FUNCTION blocked_tasks(uuid);
DROP TABLE changes, time_entries, task_tags, tags, task_dependencies, tasks, goals, administrative_acts, rate_limits, mails, one_time_tokens, personal_tokens, sessions, users;
DROP FUNCTION
  current_user_id(), act_as(uuid), enter(uuid, uuid), enter_by_token(uuid, uuid),
  enter_as_administrator(uuid, uuid), lock_account(uuid), lock_user_writes(uuid), refuse_unverified(),
  transaction_flag_setting(text), transaction_flag(text), set_transaction_flag(text, text),
  increment_version(), set_completed_at(), refuse_cycle(), record_change(), check_user(),
  set_deactivated_at(), session_is_alive(timestamptz, timestamptz),
  count_hits(text[], integer[], integer[], integer[], integer), goal_is_open(text),
  task_is_open(text, timestamptz), refuse_depth(), refuse_trashed_parent(),
  refuse_dependency_cycle(), refuse_open_dependency(), counts_toward_progress(text),
  progress_of(uuid, uuid), recompute_progress(uuid, uuid[]), recompute_progress_after_tasks(),
  recompute_progress_after_subgoals(), apply_progress(), sum_actual_hours(), refuse_manual_hours(),
  applied_migrations();
REVOKE ALL ON SCHEMA public FROM cairn_login, cairn_app, cairn_auth, cairn_admin, cairn_purge;
`);
  }
}

const refuseEarlierVersion = `
DO $$
BEGIN
  IF to_regclass('public.users') IS NOT NULL OR EXISTS (SELECT FROM migrations) THEN
    RAISE EXCEPTION '${earlierVersionMessage}';
  END IF;
END $$;
`;

/** Creates the roles that are missing, and lets the login role and the schema owner take the restricted roles. */
const roles = `
DO $$
DECLARE
  required_role record;
BEGIN
  FOR required_role IN SELECT * FROM (VALUES ('cairn_login', 'LOGIN NOINHERIT'), ('cairn_app', 'NOLOGIN'),
    ('cairn_auth', 'NOLOGIN'), ('cairn_admin', 'NOLOGIN'), ('cairn_purge', 'NOLOGIN')) AS roles (name, attributes)
  LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = required_role.name) THEN
        EXECUTE format('CREATE ROLE %I %s', required_role.name, required_role.attributes);
        IF required_role.name = 'cairn_login' THEN
          ALTER ROLE cairn_login SET statement_timeout = '8s';
          ALTER ROLE cairn_login SET lock_timeout = '4s';
          ALTER ROLE cairn_login SET idle_in_transaction_session_timeout = '16s';
        END IF;
      END IF;
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL; -- a migration of another database has created it meanwhile
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'The role % is missing, and % may not create it. Have a superuser run the statements of docs/operations.md, "Roles", then run this again.',
          required_role.name, current_user;
    END;
    CONTINUE WHEN required_role.name = 'cairn_login';
    IF NOT pg_has_role('cairn_login', required_role.name, 'MEMBER') THEN
      EXECUTE format('GRANT %I TO cairn_login', required_role.name);
    END IF;
    -- The schema owner may serve requests too. From PostgreSQL 16 on, the creator of a role is a member of it, but may
    -- not take it.
    IF NOT pg_has_role(current_user, required_role.name,
      CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
      EXECUTE format('GRANT %I TO %I', required_role.name, current_user);
    END IF;
  END LOOP;
END $$;
`;

/**
 * The login role must not create objects that hide those of Cairn. Only the owner of the database can revoke this; for
 * another schema owner, see docs/operations.md, "Roles".
 */
const databasePrivileges = `
DO $$
BEGIN
  IF (SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
  END IF;
END $$;
`;

const tables = `
CREATE TABLE users (
  id uuid NOT NULL,
  email text NOT NULL,
  username text,
  full_name text,
  password_hash text NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  deactivated_at timestamptz(3),
  is_verified boolean NOT NULL DEFAULT false,
  is_superuser boolean NOT NULL DEFAULT false,
  timezone text NOT NULL DEFAULT 'UTC',
  last_login_at timestamptz(3),
  email_verified_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT users_pkey PRIMARY KEY (id),
  CONSTRAINT users_email_check CHECK (length(email) <= 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  CONSTRAINT users_username_check CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9._-]{2,49}$'),
  CONSTRAINT users_full_name_check CHECK (length(full_name) <= 200),
  CONSTRAINT users_deactivated_at_check CHECK (is_active = (deactivated_at IS NULL)),
  CONSTRAINT users_password_hash_check CHECK (password_hash LIKE '$argon2id$%')
);
CREATE INDEX users_newest ON users (created_at, id);

CREATE TABLE sessions (
  user_id uuid NOT NULL,
  id uuid NOT NULL,
  generation integer NOT NULL DEFAULT 1,
  user_agent text,
  ip inet,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  last_used_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3) NOT NULL,
  revoked_at timestamptz(3),
  CONSTRAINT sessions_pkey PRIMARY KEY (user_id, id),
  CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT sessions_generation_check CHECK (generation >= 1)
);

CREATE TABLE personal_tokens (
  user_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  scopes text[] NOT NULL,
  token_hash bytea NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3) NOT NULL,
  last_used_at timestamptz(3),
  CONSTRAINT personal_tokens_pkey PRIMARY KEY (user_id, id),
  CONSTRAINT personal_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT personal_tokens_name_check CHECK (length(name) <= 100 AND name ~ '[^[:space:]]'),
  CONSTRAINT personal_tokens_scopes_check CHECK (scopes <@ '{read,write}' AND cardinality(scopes) BETWEEN 1 AND 2),
  CONSTRAINT personal_tokens_token_hash_check CHECK (length(token_hash) = 32)
);
CREATE UNIQUE INDEX personal_tokens_token_hash_key ON personal_tokens (token_hash);

CREATE TABLE one_time_tokens (
  user_id uuid NOT NULL,
  purpose text NOT NULL,
  email text NOT NULL,
  token_hash bytea NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  CONSTRAINT one_time_tokens_pkey PRIMARY KEY (user_id, token_hash),
  CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('verify_email', 'reset_password')),
  CONSTRAINT one_time_tokens_token_hash_check CHECK (length(token_hash) = 32)
);
CREATE UNIQUE INDEX one_time_tokens_token_hash_key ON one_time_tokens (token_hash);

CREATE TABLE mails (
  id uuid NOT NULL,
  kind text NOT NULL,
  email text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz(3) NOT NULL DEFAULT now(),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT mails_pkey PRIMARY KEY (id),
  CONSTRAINT mails_kind_check CHECK (kind IN ('verify_email', 'reset_password', 'password_changed', 'email_changed'))
);

CREATE TABLE rate_limits (
  key text NOT NULL,
  hits integer NOT NULL,
  free_at timestamptz(3) NOT NULL,
  resets_at timestamptz(3) NOT NULL,
  CONSTRAINT rate_limits_pkey PRIMARY KEY (key)
);

-- The ids are not foreign keys: the record outlives the accounts that it names.
CREATE TABLE administrative_acts (
  id uuid NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  actor_id uuid,
  subject_id uuid NOT NULL,
  act text NOT NULL,
  CONSTRAINT administrative_acts_pkey PRIMARY KEY (id),
  CONSTRAINT administrative_acts_act_check
    CHECK (act IN ('activate', 'deactivate', 'promote', 'demote', 'revoke_sessions', 'delete'))
);

CREATE TABLE goals (
  user_id uuid NOT NULL,
  id uuid NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  parent_goal_id uuid,
  title text NOT NULL,
  description text,
  horizon text,
  target_date timestamptz(3),
  status text NOT NULL DEFAULT 'active',
  progress numeric(5,2),
  progress_mode text NOT NULL DEFAULT 'computed',
  success_criteria text,
  metrics jsonb,
  project_name text,
  completed_at timestamptz(3),
  CONSTRAINT goals_pkey PRIMARY KEY (user_id, id),
  CONSTRAINT goals_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT goals_title_check CHECK (length(title) <= 500 AND title ~ '[^[:space:]]'),
  CONSTRAINT goals_description_check CHECK (length(description) <= 20000),
  CONSTRAINT goals_horizon_check CHECK (horizon IN ('yearly', 'quarterly', 'monthly', 'weekly')),
  CONSTRAINT goals_target_date_check CHECK (target_date >= '1900-01-01Z' AND target_date < '10000-01-01Z'),
  CONSTRAINT goals_status_check CHECK (status IN ('active', 'completed', 'on_hold', 'cancelled')),
  CONSTRAINT goals_progress_check CHECK (progress BETWEEN 0 AND 100),
  CONSTRAINT goals_progress_mode_check CHECK (progress_mode IN ('computed', 'manual')),
  CONSTRAINT goals_success_criteria_check CHECK (length(success_criteria) <= 20000),
  CONSTRAINT goals_metrics_check CHECK (jsonb_typeof(metrics) = 'object'),
  CONSTRAINT goals_project_name_check CHECK (length(project_name) <= 200),
  CONSTRAINT goals_completed_at_check CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
  CONSTRAINT goals_parent_goal_id_check CHECK (parent_goal_id <> id)
);
CREATE INDEX goals_newest ON goals (user_id, created_at, id);
CREATE INDEX goals_by_status ON goals (user_id, status, created_at, id);
CREATE INDEX goals_by_horizon ON goals (user_id, horizon, created_at, id);
CREATE INDEX goals_by_parent ON goals (user_id, parent_goal_id, created_at, id);

CREATE TABLE tasks (
  user_id uuid NOT NULL,
  id uuid NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  goal_id uuid,
  parent_task_id uuid,
  title text NOT NULL,
  description text,
  notes text,
  status text NOT NULL DEFAULT 'pending',
  priority smallint NOT NULL DEFAULT '3',
  category text,
  due_date timestamptz(3),
  estimated_hours numeric(8,2),
  actual_hours numeric(8,2),
  project_name text,
  repository_path text,
  tags text[] NOT NULL DEFAULT '{}',
  completed_at timestamptz(3),
  deleted_at timestamptz(3),
  CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id),
  CONSTRAINT tasks_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT tasks_parent_task_id_fkey FOREIGN KEY (user_id, parent_task_id)
    REFERENCES tasks (user_id, id) ON DELETE CASCADE,
  CONSTRAINT tasks_title_check CHECK (length(title) <= 500 AND title ~ '[^[:space:]]'),
  CONSTRAINT tasks_description_check CHECK (length(description) <= 20000),
  CONSTRAINT tasks_notes_check CHECK (length(notes) <= 20000),
  CONSTRAINT tasks_status_check CHECK (status IN ('pending', 'in_progress', 'blocked', 'completed', 'cancelled')),
  CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 5),
  CONSTRAINT tasks_category_check CHECK (length(category) <= 100),
  CONSTRAINT tasks_due_date_check CHECK (due_date >= '1900-01-01Z' AND due_date < '10000-01-01Z'),
  CONSTRAINT tasks_estimated_hours_check CHECK (estimated_hours BETWEEN 0 AND 100000),
  CONSTRAINT tasks_actual_hours_check CHECK (actual_hours BETWEEN 0 AND 100000),
  CONSTRAINT tasks_project_name_check CHECK (length(project_name) <= 200),
  CONSTRAINT tasks_repository_path_check CHECK (length(repository_path) <= 500),
  CONSTRAINT tasks_completed_at_check CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
  CONSTRAINT tasks_parent_task_id_check CHECK (parent_task_id <> id)
);
CREATE INDEX tasks_newest ON tasks (user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_status ON tasks (user_id, status, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_category ON tasks (user_id, category, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_goal ON tasks (user_id, goal_id, status, created_at, id);
CREATE INDEX tasks_by_parent ON tasks (user_id, parent_task_id, created_at, id);

CREATE TABLE task_dependencies (
  user_id uuid NOT NULL,
  task_id uuid NOT NULL,
  depends_on_id uuid NOT NULL,
  CONSTRAINT task_dependencies_pkey PRIMARY KEY (user_id, task_id, depends_on_id),
  CONSTRAINT task_dependencies_task_id_fkey FOREIGN KEY (user_id, task_id)
    REFERENCES tasks (user_id, id) ON DELETE CASCADE,
  CONSTRAINT task_dependencies_depends_on_id_fkey FOREIGN KEY (user_id, depends_on_id)
    REFERENCES tasks (user_id, id) ON DELETE CASCADE
);
CREATE INDEX task_dependencies_by_other ON task_dependencies (user_id, depends_on_id, task_id);

CREATE TABLE tags (
  user_id uuid NOT NULL,
  id uuid NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  name text NOT NULL,
  color text,
  CONSTRAINT tags_pkey PRIMARY KEY (user_id, id),
  CONSTRAINT tags_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT tags_name_check CHECK (length(name) <= 50 AND name ~ '[^[:space:]]'),
  CONSTRAINT tags_color_check CHECK (color ~ '^#[0-9a-f]{6}$')
);

CREATE TABLE task_tags (
  user_id uuid NOT NULL,
  task_id uuid NOT NULL,
  tag_id uuid NOT NULL,
  CONSTRAINT task_tags_pkey PRIMARY KEY (user_id, task_id, tag_id),
  CONSTRAINT task_tags_task_id_fkey FOREIGN KEY (user_id, task_id) REFERENCES tasks (user_id, id) ON DELETE CASCADE,
  CONSTRAINT task_tags_tag_id_fkey FOREIGN KEY (user_id, tag_id) REFERENCES tags (user_id, id) ON DELETE CASCADE
);
CREATE INDEX task_tags_by_tag ON task_tags (user_id, tag_id, task_id);

CREATE TABLE time_entries (
  user_id uuid NOT NULL,
  id uuid NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  task_id uuid NOT NULL,
  started_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3),
  note text,
  CONSTRAINT time_entries_pkey PRIMARY KEY (user_id, id),
  CONSTRAINT time_entries_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT time_entries_task_id_fkey FOREIGN KEY (user_id, task_id)
    REFERENCES tasks (user_id, id) ON DELETE CASCADE,
  CONSTRAINT time_entries_started_at_check CHECK (started_at >= '1900-01-01Z' AND started_at < '10000-01-01Z'),
  CONSTRAINT time_entries_ended_at_check CHECK (ended_at >= started_at AND ended_at < '10000-01-01Z'),
  CONSTRAINT time_entries_note_check CHECK (length(note) <= 500)
);
CREATE INDEX time_entries_by_task ON time_entries (user_id, task_id, started_at, id);
CREATE UNIQUE INDEX time_entries_running_key ON time_entries (user_id) WHERE ended_at IS NULL;

CREATE TABLE changes (
  user_id uuid NOT NULL,
  id bigint NOT NULL,
  entity text NOT NULL,
  entity_id uuid NOT NULL,
  version integer NOT NULL,
  operation text NOT NULL,
  fields jsonb NOT NULL,
  changed_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT changes_pkey PRIMARY KEY (user_id, id),
  CONSTRAINT changes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT changes_entity_check CHECK (entity ~ '^[a-z_]{1,50}$'),
  CONSTRAINT changes_operation_check CHECK (operation IN ('create', 'update', 'delete'))
);
CREATE INDEX changes_by_entity ON changes (user_id, entity_id, id);
`;

const objects = `
-- src/database/transactions.sql
-- Every transaction of a request begins with one of the enter functions. They check the session or token and then switch
-- to a restricted role for the rest of the transaction.

GRANT USAGE ON SCHEMA public TO cairn_login, cairn_app, cairn_auth, cairn_admin, cairn_purge;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- The current user's id. Before one of the enter functions it is null, and the policies show no rows.
-- (A transaction-local setting reads as an empty string after its transaction.)
CREATE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('cairn.user_id', true), '')::uuid;

-- Acts as this user until the end of the transaction, with the rights of cairn_app only.
CREATE FUNCTION act_as(user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config('cairn.user_id', user_id::text, true), set_config('role', 'cairn_app', true);
END $$;

-- Acts as the user of this session. SQLSTATE ZC401 unless the session is alive and the user is active.
CREATE FUNCTION enter(session_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config('role', 'cairn_auth', true);
  PERFORM 1 FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.user_id = enter.user_id AND s.id = enter.session_id
      AND session_is_alive(s.revoked_at, s.expires_at) AND u.is_active;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'session is not alive' USING ERRCODE = 'ZC401';
  END IF;
  PERFORM act_as(enter.user_id);
END $$;

-- Like enter, with a personal access token instead of a session.
CREATE FUNCTION enter_by_token(token_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config('role', 'cairn_auth', true);
  PERFORM 1 FROM personal_tokens t JOIN users u ON u.id = t.user_id
    WHERE t.user_id = enter_by_token.user_id AND t.id = enter_by_token.token_id AND t.expires_at > now() AND u.is_active;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'token is not valid' USING ERRCODE = 'ZC401';
  END IF;
  PERFORM act_as(enter_by_token.user_id);
END $$;

-- Like enter, for the administration of accounts: SQLSTATE ZC403 unless the user is a superuser. The role cairn_admin
-- sees accounts and has no rights on tasks and goals. The row lock keeps the user a superuser until the end of the
-- transaction: of two superusers who demote each other, only one succeeds.
CREATE FUNCTION enter_as_administrator(session_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM enter(session_id, user_id);
  PERFORM 1 FROM users u WHERE u.id = enter_as_administrator.user_id AND u.is_superuser FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'not a superuser' USING ERRCODE = 'ZC403', HINT = 'forbidden';
  END IF;
  PERFORM set_config('role', 'cairn_admin', true);
END $$;

-- Locks the account against changes of its password and rights until the end of the transaction. Call it before enter
-- when the transaction creates something that such a change must revoke: enter then sees all earlier changes, and later
-- changes wait until the new row is committed.
CREATE FUNCTION lock_account(user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config('role', 'cairn_auth', true);
  PERFORM 1 FROM users u WHERE u.id = lock_account.user_id FOR SHARE;
  PERFORM set_config('role', 'none', true);
END $$;

-- Serializes the writes of one user: what a transaction has read is still true when it commits.
CREATE FUNCTION lock_user_writes(user_id uuid) RETURNS void LANGUAGE sql
  RETURN pg_advisory_xact_lock(hashtextextended('writes of ' || user_id, 0));

-- SQLSTATE ZC403 unless the current user's email address is verified. Call it after enter.
CREATE FUNCTION refuse_unverified() RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM users u WHERE u.id = current_user_id() AND u.is_verified;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'email is not verified' USING ERRCODE = 'ZC403', HINT = 'email_not_verified';
  END IF;
END $$;

REVOKE ALL ON FUNCTION current_user_id(), act_as(uuid), enter(uuid, uuid), enter_by_token(uuid, uuid),
  enter_as_administrator(uuid, uuid), lock_account(uuid), lock_user_writes(uuid), refuse_unverified() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION act_as(uuid), enter(uuid, uuid), enter_by_token(uuid, uuid), enter_as_administrator(uuid, uuid),
  lock_account(uuid), lock_user_writes(uuid) TO cairn_login;
GRANT EXECUTE ON FUNCTION act_as(uuid) TO cairn_auth;
GRANT EXECUTE ON FUNCTION current_user_id(), lock_user_writes(uuid), refuse_unverified() TO cairn_app;

-- src/database/transaction-flags.sql
-- Flags tell triggers what the current transaction is doing. They end with the transaction. All access goes through these
-- functions, so that a misspelled name raises an error.
--
--   ignore_open_dependencies  'true': a task can be completed even if it depends on an open task
--   restored_task_id          the task that is being restored from the trash together with its subtasks
--   trashed_at                when that task was moved to the trash; its subtasks with the same timestamp are restored
--   recomputing_progress      'true' while recompute_progress updates goals
--   summing_hours             'true' while sum_actual_hours updates a task

-- The name of the setting that holds the flag. IMMUTABLE: with a constant name, the check happens once, in the planner.
CREATE FUNCTION transaction_flag_setting(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
  SET search_path = public, pg_temp AS $$
BEGIN
  IF name IN ('ignore_open_dependencies', 'restored_task_id', 'trashed_at', 'recomputing_progress', 'summing_hours') THEN
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

-- src/database/owned-rows.sql
-- Trigger functions that several owned tables use.

-- For BEFORE UPDATE triggers: increments the version of a row.
CREATE FUNCTION increment_version() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;

-- Sets completed_at when a row is completed, and clears it when the status changes again.
CREATE FUNCTION set_completed_at() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  NEW.completed_at := CASE WHEN NEW.status = 'completed' THEN coalesce(NEW.completed_at, now()) END;
  RETURN NEW;
END $$;

-- Refuses a row that would become its own ancestor. The argument is the column that refers to the parent. The lock
-- serializes the moves of one user within a table: the tree that was checked is the tree that is stored.
CREATE FUNCTION refuse_cycle() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  parent_id uuid := to_jsonb(NEW) ->> TG_ARGV[0];
  is_cycle boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_NAME || NEW.user_id, 0));
  EXECUTE format(
    'WITH RECURSIVE ancestor (id) AS (
       SELECT $1
       UNION
       SELECT t.%1$I FROM ancestor a JOIN %2$I.%3$I t ON t.user_id = $2 AND t.id = a.id
     )
     SELECT EXISTS (SELECT 1 FROM ancestor WHERE id = $3)', TG_ARGV[0], TG_TABLE_SCHEMA, TG_TABLE_NAME)
    INTO is_cycle USING parent_id, NEW.user_id, NEW.id;
  IF is_cycle THEN
    RAISE EXCEPTION 'a row cannot be its own ancestor' USING ERRCODE = 'ZC409', HINT = 'cycle', COLUMN = TG_ARGV[0];
  END IF;
  RETURN NEW;
END $$;

REVOKE ALL ON FUNCTION increment_version(), set_completed_at(), refuse_cycle() FROM PUBLIC;

-- src/history/changes.sql
-- Records a change of an owned row; the argument is the name of the entity. The changes of one user are numbered in the
-- order of their commits, because the lock is held until the end of the transaction. A permanent deletion deletes the
-- earlier changes of the row and records only that it was deleted.
--
-- Triggers call it WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app'): not for rows that foreign keys change in
-- the role of the schema owner, for whom the policies show no rows. The application relies on foreign keys only for rows
-- that are deleted together with a user, like the user's history.
CREATE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

REVOKE ALL ON FUNCTION record_change() FROM PUBLIC;

ALTER TABLE changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON changes TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON changes FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON changes TO cairn_app;

-- src/users/users.sql
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_username_key ON users (lower(username));

-- Refuses a time zone that PostgreSQL does not know (SQLSTATE 22023), and sets updated_at when a visible column changes.
CREATE FUNCTION check_user() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  hidden text[] := '{password_hash,last_login_at}';
BEGIN
  PERFORM now() AT TIME ZONE NEW.timezone;
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - hidden <> to_jsonb(NEW) - hidden THEN
    NEW.updated_at := now();
  END IF;
  RETURN NEW;
END $$;

-- A sign-in sets last_login_at and may replace the password hash. Neither counts as an update of the account.
CREATE TRIGGER users_check BEFORE INSERT OR UPDATE OF
  email, username, full_name, is_active, is_verified, is_superuser, timezone ON users
  FOR EACH ROW EXECUTE FUNCTION check_user();

-- Sets deactivated_at when is_active becomes false, and clears it when is_active becomes true.
CREATE FUNCTION set_deactivated_at() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  NEW.deactivated_at := CASE WHEN NOT NEW.is_active THEN coalesce(NEW.deactivated_at, now()) END;
  RETURN NEW;
END $$;

CREATE TRIGGER users_deactivated_at BEFORE INSERT OR UPDATE OF is_active, deactivated_at ON users
  FOR EACH ROW EXECUTE FUNCTION set_deactivated_at();

REVOKE ALL ON FUNCTION check_user(), set_deactivated_at() FROM PUBLIC;

ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON users TO cairn_app
  USING (id = (SELECT current_user_id())) WITH CHECK (id = (SELECT current_user_id()));
CREATE POLICY authenticator ON users TO cairn_auth USING (true) WITH CHECK (true);
CREATE POLICY administrator ON users TO cairn_admin USING (true) WITH CHECK (true);
CREATE POLICY purge ON users TO cairn_purge USING (NOT is_active) WITH CHECK (false);

REVOKE ALL ON users FROM PUBLIC;
-- The current user: everything but the password hash.
GRANT SELECT (id, email, username, full_name, is_active, is_verified, is_superuser, timezone, last_login_at,
  email_verified_at, created_at, updated_at), UPDATE (username, full_name, timezone), DELETE ON users TO cairn_app;
-- Registration, sign-in, passwords and email addresses.
GRANT SELECT, INSERT (id, email, username, full_name, timezone, password_hash), UPDATE (email, username, full_name,
  timezone, password_hash, is_verified, email_verified_at, last_login_at) ON users TO cairn_auth;
-- Administration: everything but the password hash.
GRANT SELECT (id, email, username, full_name, is_active, is_verified, is_superuser, timezone, last_login_at,
  email_verified_at, created_at, updated_at), UPDATE (is_active, is_superuser), DELETE ON users TO cairn_admin;
GRANT SELECT (id, is_active, deactivated_at), DELETE ON users TO cairn_purge;

-- src/auth/sessions.sql
-- Whether a session is neither revoked nor expired. Does not check whether its user is active.
CREATE FUNCTION session_is_alive(revoked_at timestamptz, expires_at timestamptz) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN revoked_at IS NULL AND expires_at > now();

REVOKE ALL ON FUNCTION session_is_alive(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_is_alive(timestamptz, timestamptz) TO cairn_app, cairn_auth, cairn_purge;

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON sessions TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
CREATE POLICY authenticator ON sessions TO cairn_auth USING (true) WITH CHECK (true);
CREATE POLICY administrator ON sessions TO cairn_admin USING (true) WITH CHECK (true);
CREATE POLICY purge ON sessions TO cairn_purge USING (NOT session_is_alive(revoked_at, expires_at)) WITH CHECK (false);

REVOKE ALL ON sessions FROM PUBLIC;
GRANT SELECT, UPDATE (revoked_at) ON sessions TO cairn_app;
GRANT SELECT, INSERT (user_id, id, user_agent, ip, expires_at), UPDATE (generation, last_used_at, expires_at, revoked_at)
  ON sessions TO cairn_auth;
GRANT SELECT (user_id, revoked_at), UPDATE (revoked_at) ON sessions TO cairn_admin;
GRANT SELECT (user_id, id, revoked_at, expires_at), DELETE ON sessions TO cairn_purge;

-- src/auth/personal-tokens.sql
ALTER TABLE personal_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON personal_tokens TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
CREATE POLICY authenticator ON personal_tokens TO cairn_auth USING (true) WITH CHECK (true);
CREATE POLICY administrator ON personal_tokens TO cairn_admin USING (true) WITH CHECK (true);

REVOKE ALL ON personal_tokens FROM PUBLIC;
-- The current user: everything but the token's hash, and no updates.
GRANT SELECT (user_id, id, name, scopes, created_at, expires_at, last_used_at), INSERT, DELETE
  ON personal_tokens TO cairn_app;
GRANT SELECT, DELETE, UPDATE (last_used_at) ON personal_tokens TO cairn_auth;
GRANT SELECT (user_id), DELETE ON personal_tokens TO cairn_admin;

-- src/auth/one-time-tokens.sql
ALTER TABLE one_time_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY authenticator ON one_time_tokens TO cairn_auth USING (true) WITH CHECK (true);
CREATE POLICY administrator ON one_time_tokens TO cairn_admin USING (true) WITH CHECK (true);

REVOKE ALL ON one_time_tokens FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON one_time_tokens TO cairn_auth;
GRANT SELECT (user_id), DELETE ON one_time_tokens TO cairn_admin;

-- src/mail/mails.sql
ALTER TABLE mails ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY authenticator ON mails TO cairn_auth USING (true) WITH CHECK (true);

REVOKE ALL ON mails FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (attempts, due_at) ON mails TO cairn_auth;

-- src/limits/rate-limits.sql
-- Counts hits against several limits, in their order, and stops at the first limit that refuses; a refused hit is not
-- counted. A limit allows \`quota\` hits per window. Without a longest wait, further hits are refused until the window
-- ends. With a longest wait, they are refused for 1, 2, 4, … seconds up to that wait, and one hit is allowed after each
-- wait; the count is reset when one window passes without a hit.
CREATE FUNCTION count_hits(keys text[], quotas integer[], windows integer[], longest_waits integer[], new_hits integer)
  RETURNS TABLE (is_allowed boolean, used integer, seconds integer) LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  quota integer;
  wait integer;
  span interval;
  l rate_limits;
BEGIN
  FOR i IN 1 .. cardinality(keys) LOOP
    quota := quotas[i];
    wait := longest_waits[i];
    span := windows[i] * interval '1 second';
    SELECT * INTO l FROM rate_limits r WHERE r.key = keys[i] FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO rate_limits AS r (key, hits, free_at, resets_at) VALUES (keys[i], 0, '-infinity', '-infinity')
        ON CONFLICT (key) DO UPDATE SET hits = r.hits RETURNING * INTO l;
    END IF;
    IF l.resets_at <= clock_timestamp() THEN
      l.hits := 0;
      l.free_at := '-infinity';
      l.resets_at := clock_timestamp() + span;
    END IF;
    is_allowed := l.free_at <= clock_timestamp();
    IF is_allowed THEN
      l.hits := l.hits + new_hits;
      IF wait > 0 THEN
        l.resets_at := clock_timestamp() + span;
      END IF;
      IF l.hits >= quota THEN
        l.free_at := CASE WHEN wait > 0
          THEN clock_timestamp() + least(2 ^ least(l.hits - quota, 30), wait) * interval '1 second'
          ELSE l.resets_at END;
      END IF;
      UPDATE rate_limits r SET hits = l.hits, free_at = l.free_at, resets_at = greatest(l.resets_at, l.free_at)
        WHERE r.key = keys[i];
    END IF;
    used := l.hits;
    seconds := greatest(1, ceil(extract(epoch FROM
      CASE WHEN l.free_at > clock_timestamp() THEN l.free_at ELSE l.resets_at END - clock_timestamp()) - 0.001));
    RETURN NEXT;
    EXIT WHEN NOT is_allowed;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION count_hits(text[], integer[], integer[], integer[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_hits(text[], integer[], integer[], integer[], integer) TO cairn_auth;

ALTER TABLE rate_limits ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY authenticator ON rate_limits TO cairn_auth USING (true) WITH CHECK (true);

REVOKE ALL ON rate_limits FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (hits, free_at, resets_at) ON rate_limits TO cairn_auth;

-- src/administration/administrative-acts.sql
ALTER TABLE administrative_acts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY administrator ON administrative_acts TO cairn_admin USING (true) WITH CHECK (true);
-- The operator reads the record as the schema owner, who runs the migrations.
CREATE POLICY operator ON administrative_acts FOR SELECT TO CURRENT_USER USING (true);

REVOKE ALL ON administrative_acts FROM PUBLIC;
-- The record is append-only: administrators can neither read nor change it.
GRANT INSERT ON administrative_acts TO cairn_admin;

-- src/goals/goals.sql
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

-- src/tasks/tasks.sql
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
  FOR EACH ROW EXECUTE FUNCTION set_completed_at();
CREATE TRIGGER tasks_3_version BEFORE UPDATE ON tasks
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION increment_version();
-- See record_change for the condition.
CREATE TRIGGER tasks_4_history AFTER INSERT OR UPDATE OR DELETE ON tasks
  FOR EACH ROW WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app') EXECUTE FUNCTION record_change('task');

ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON tasks TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
CREATE POLICY purge ON tasks TO cairn_purge USING (deleted_at IS NOT NULL) WITH CHECK (false);

REVOKE ALL ON tasks FROM PUBLIC;
-- completed_at: undo restores the earlier timestamp.
GRANT SELECT, INSERT, DELETE, UPDATE (goal_id, parent_task_id, title, description, notes, status, priority, category,
  due_date, estimated_hours, actual_hours, project_name, repository_path, tags, completed_at, deleted_at) ON tasks TO cairn_app;
GRANT SELECT (user_id, deleted_at) ON tasks TO cairn_purge;

-- src/tasks/subtasks.sql
-- Refuses a task with more than ten ancestors, and a move that would give one of its descendants more than ten.
CREATE FUNCTION refuse_depth() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  above integer;
  below integer := 0;
BEGIN
  WITH RECURSIVE ancestor (id, depth) AS (
    SELECT NEW.parent_task_id, 1
    UNION ALL
    SELECT t.parent_task_id, a.depth + 1 FROM ancestor a JOIN tasks t ON t.user_id = NEW.user_id AND t.id = a.id
      WHERE t.parent_task_id IS NOT NULL AND a.depth <= 10
  )
  SELECT max(depth) INTO above FROM ancestor;
  IF TG_OP = 'UPDATE' THEN
    WITH RECURSIVE descendant (id, depth) AS (
      SELECT NEW.id, 0
      UNION ALL
      SELECT t.id, d.depth + 1 FROM descendant d JOIN tasks t ON t.user_id = NEW.user_id AND t.parent_task_id = d.id
        WHERE d.depth <= 10
    )
    SELECT max(depth) INTO below FROM descendant;
  END IF;
  IF above + below > 10 THEN
    RAISE EXCEPTION 'a task cannot have more than ten ancestors' USING ERRCODE = 'ZC409', HINT = 'too_deep';
  END IF;
  RETURN NEW;
END $$;

-- Refuses a parent in the trash: SQLSTATE ZC404 for a new parent, ZC409 when a subtask is restored without its parent.
-- When a task is restored, its subtasks are not checked, because the same statement restores their parents.
CREATE FUNCTION refuse_trashed_parent() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  IF transaction_flag('restored_task_id') <> NEW.id::text THEN
    RETURN NEW;
  END IF;
  PERFORM 1 FROM tasks t WHERE t.user_id = NEW.user_id AND t.id = NEW.parent_task_id AND t.deleted_at IS NOT NULL;
  IF FOUND AND TG_OP = 'UPDATE' AND OLD.parent_task_id = NEW.parent_task_id THEN
    RAISE EXCEPTION 'the parent is in the trash' USING ERRCODE = 'ZC409', HINT = 'parent_trashed';
  ELSIF FOUND THEN
    RAISE EXCEPTION 'the parent is in the trash' USING ERRCODE = 'ZC404', HINT = 'task';
  END IF;
  RETURN NEW;
END $$;

REVOKE ALL ON FUNCTION refuse_depth(), refuse_trashed_parent() FROM PUBLIC;

-- Triggers of one kind run in the order of their names: a cycle is refused before the depth is measured.
CREATE TRIGGER tasks_1_cycle BEFORE UPDATE OF parent_task_id ON tasks
  FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_cycle('parent_task_id');
CREATE TRIGGER tasks_1_depth BEFORE INSERT OR UPDATE OF parent_task_id ON tasks
  FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_depth();
CREATE TRIGGER tasks_1_parent BEFORE INSERT OR UPDATE OF parent_task_id, deleted_at ON tasks
  FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL AND NEW.deleted_at IS NULL) EXECUTE FUNCTION refuse_trashed_parent();

-- src/tasks/dependencies.sql
-- The tasks that depend on an open task, one row for each open task that they depend on.
CREATE FUNCTION blocked_tasks(user_id uuid) RETURNS TABLE (task_id uuid) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.task_id FROM task_dependencies d JOIN tasks t ON t.user_id = d.user_id AND t.id = d.depends_on_id
  WHERE d.user_id = blocked_tasks.user_id AND task_is_open(t.status, t.deleted_at);
END;

-- Refuses a task that would depend on itself, directly or through others.
CREATE FUNCTION refuse_dependency_cycle() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM (
    WITH RECURSIVE needed (id) AS (
      SELECT NEW.depends_on_id
      UNION
      SELECT d.depends_on_id FROM needed n JOIN task_dependencies d ON d.user_id = NEW.user_id AND d.task_id = n.id
    )
    SELECT FROM needed WHERE id = NEW.task_id
  ) cycle;
  IF FOUND THEN
    RAISE EXCEPTION 'a task cannot depend on itself' USING ERRCODE = 'ZC409', HINT = 'dependency_cycle';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER task_dependencies_1_cycle BEFORE INSERT ON task_dependencies
  FOR EACH ROW EXECUTE FUNCTION refuse_dependency_cycle();

-- Refuses to complete a task that depends on an open task, unless the flag ignore_open_dependencies is set.
CREATE FUNCTION refuse_open_dependency() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM blocked_tasks(NEW.user_id) b WHERE b.task_id = NEW.id;
  IF FOUND AND transaction_flag('ignore_open_dependencies') IS DISTINCT FROM 'true' THEN
    RAISE EXCEPTION 'a dependency is open' USING ERRCODE = 'ZC409', HINT = 'dependency_open';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER tasks_1_dependency BEFORE UPDATE OF status ON tasks
  FOR EACH ROW WHEN (NEW.status = 'completed' AND OLD.status <> 'completed') EXECUTE FUNCTION refuse_open_dependency();

REVOKE ALL ON FUNCTION blocked_tasks(uuid), refuse_dependency_cycle(), refuse_open_dependency() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION blocked_tasks(uuid) TO cairn_app;

ALTER TABLE task_dependencies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON task_dependencies TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON task_dependencies FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON task_dependencies TO cairn_app;

-- src/goals/progress.sql
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
        WHERE g.user_id = progress_of.user_id AND g.parent_goal_id = progress_of.goal_id AND counts_toward_progress(g.status)
    ) halves (half)
  );
END $$;

-- Recomputes these goals, then their ancestors as long as the progress changes. Each goal is computed only once, after
-- its subgoals.
CREATE FUNCTION recompute_progress(user_id uuid, goal_ids uuid[]) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  pending jsonb; -- goal id: depth in the tree
  deepest integer;
  current uuid[];
BEGIN
  IF cardinality(goal_ids) = 1 THEN
    pending := jsonb_build_object(goal_ids[1], 0);
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
  END IF;
  PERFORM set_transaction_flag('recomputing_progress', 'true');
  WHILE pending <> '{}' LOOP
    SELECT max(depth::integer) INTO deepest FROM jsonb_each_text(pending) AS p (id, depth);
    SELECT array_agg(id::uuid) INTO current FROM jsonb_each_text(pending) AS p (id, depth) WHERE depth::integer = deepest;
    WITH computed AS MATERIALIZED (
      SELECT g.id, progress_of(g.user_id, g.id) AS progress FROM goals g
      WHERE g.user_id = recompute_progress.user_id AND g.id = ANY (current) AND g.progress_mode = 'computed'
    ), changed AS (
      UPDATE goals g SET progress = c.progress FROM computed c
      WHERE g.user_id = recompute_progress.user_id AND g.id = c.id AND g.progress IS DISTINCT FROM c.progress
      RETURNING g.parent_goal_id
    )
    SELECT pending - current::text[] || coalesce(jsonb_object_agg(parent_goal_id, deepest - 1), '{}') INTO pending
      FROM changed WHERE parent_goal_id IS NOT NULL;
  END LOOP;
  PERFORM set_transaction_flag('recomputing_progress', '');
END $$;

-- After each statement on tasks: recomputes the goals that the tasks belong to, or belonged to before. After each row of
-- a DELETE: a statement-level trigger would fire for the statements of foreign keys instead of the user's statement.
CREATE FUNCTION recompute_progress_after_tasks() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

-- After each statement on goals: recomputes their present and former parents. Does nothing while recompute_progress
-- updates goals, because it recomputes the parents itself.
CREATE FUNCTION recompute_progress_after_subgoals() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

-- If a user sets the progress, it becomes manual. If a goal is switched back to computed, its progress is computed. An
-- active goal is completed when its progress reaches 100, and a completed goal becomes active again when its progress is
-- no longer 100, unless the statement itself sets the status.
CREATE FUNCTION apply_progress() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  before goals := OLD;
BEGIN
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

-- src/tags/tags.sql
CREATE UNIQUE INDEX tags_name_key ON tags (user_id, lower(name));

CREATE TRIGGER tags_3_version BEFORE UPDATE ON tags
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION increment_version();

ALTER TABLE tags ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON tags TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON tags FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (name, color) ON tags TO cairn_app;

ALTER TABLE task_tags ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON task_tags TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON task_tags FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON task_tags TO cairn_app;

-- src/time-entries/time-entries.sql
-- After each change of a time entry: sets actual_hours of its task to the sum of the ended entries, or to null if there
-- are none.
CREATE FUNCTION sum_actual_hours() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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

REVOKE ALL ON FUNCTION sum_actual_hours(), refuse_manual_hours() FROM PUBLIC;

CREATE TRIGGER time_entries_3_version BEFORE UPDATE ON time_entries
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION increment_version();

ALTER TABLE time_entries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON time_entries TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON time_entries FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (ended_at) ON time_entries TO cairn_app;

-- src/schema/applied-migrations.sql
-- The migrations that were applied. The application calls it at the start, because its role cannot read the table.
CREATE FUNCTION applied_migrations() RETURNS SETOF varchar LANGUAGE sql STABLE SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
  SELECT name FROM public.migrations
$$;

REVOKE ALL ON FUNCTION applied_migrations() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION applied_migrations() TO cairn_login;

REVOKE ALL ON public.migrations FROM PUBLIC;
`;
