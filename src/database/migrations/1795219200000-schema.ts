import { MigrationInterface, QueryRunner } from 'typeorm';

export class Schema1795219200000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE users (
        id uuid NOT NULL,
        email text NOT NULL,
        username text,
        full_name text,
        password_hash text NOT NULL,
        is_active boolean NOT NULL DEFAULT true,
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
        CONSTRAINT users_password_hash_check CHECK (password_hash LIKE '$argon2id$%')
      );
      CREATE UNIQUE INDEX users_email_key ON users (lower(email));
      CREATE UNIQUE INDEX users_username_key ON users (lower(username));

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
        success_criteria text,
        metrics jsonb,
        project_name text,
        completed_at timestamptz(3),
        CONSTRAINT goals_pkey PRIMARY KEY (user_id, id),
        CONSTRAINT goals_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT goals_parent_goal_id_fkey FOREIGN KEY (user_id, parent_goal_id)
          REFERENCES goals (user_id, id) ON DELETE SET NULL (parent_goal_id),
        CONSTRAINT goals_title_check CHECK (length(title) <= 500 AND title ~ '[^[:space:]]'),
        CONSTRAINT goals_description_check CHECK (length(description) <= 20000),
        CONSTRAINT goals_horizon_check CHECK (horizon IN ('yearly', 'quarterly', 'monthly', 'weekly')),
        CONSTRAINT goals_target_date_check CHECK (target_date >= '1900-01-01Z' AND target_date < '10000-01-01Z'),
        CONSTRAINT goals_status_check CHECK (status IN ('active', 'completed', 'on_hold', 'cancelled')),
        CONSTRAINT goals_progress_check CHECK (progress BETWEEN 0 AND 100),
        CONSTRAINT goals_success_criteria_check CHECK (length(success_criteria) <= 20000),
        CONSTRAINT goals_metrics_check CHECK (jsonb_typeof(metrics) = 'object'),
        CONSTRAINT goals_project_name_check CHECK (length(project_name) <= 200),
        CONSTRAINT goals_completed_at_check CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
        CONSTRAINT goals_parent_goal_id_check CHECK (parent_goal_id <> id)
      );
      CREATE INDEX goals_newest ON goals (user_id, created_at, id);
      CREATE INDEX goals_by_status ON goals (user_id, status, created_at, id);
      CREATE INDEX goals_by_horizon ON goals (user_id, horizon, created_at, id);
      CREATE INDEX goals_by_target_date ON goals (user_id, (CASE WHEN target_date IS NULL THEN 'infinity' ELSE target_date END), id);
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
        priority smallint NOT NULL DEFAULT 3,
        category text,
        due_date timestamptz(3),
        estimated_hours numeric(8,2),
        actual_hours numeric(8,2),
        project_name text,
        repository_path text,
        completed_at timestamptz(3),
        deleted_at timestamptz(3),
        CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id),
        CONSTRAINT tasks_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT tasks_goal_id_fkey FOREIGN KEY (user_id, goal_id)
          REFERENCES goals (user_id, id) ON DELETE SET NULL (goal_id),
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
      CREATE INDEX tasks_by_due_date ON tasks (user_id, (CASE WHEN due_date IS NULL THEN 'infinity' ELSE due_date END), id) WHERE deleted_at IS NULL;
      CREATE INDEX tasks_by_goal ON tasks (user_id, goal_id, status, created_at, id);
      CREATE INDEX tasks_by_parent ON tasks (user_id, parent_task_id, created_at, id);
      CREATE INDEX tasks_trash ON tasks (user_id, (CASE WHEN deleted_at IS NULL THEN '-infinity' ELSE deleted_at END), id) WHERE deleted_at IS NOT NULL;
    `);

    await queryRunner.query(`
      CREATE FUNCTION check_user() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM now() AT TIME ZONE NEW.timezone; -- raises 22023 for a name that PostgreSQL does not know
        IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
          NEW.updated_at := now();
        END IF;
        RETURN NEW;
      END $$;

      CREATE FUNCTION keep_completed_at() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.completed_at := CASE WHEN NEW.status = 'completed' THEN coalesce(NEW.completed_at, now()) END;
        RETURN NEW;
      END $$;

      CREATE FUNCTION keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.updated_at := now();
        NEW.version := OLD.version + 1;
        RETURN NEW;
      END $$;

      -- Refuses a row that would become its own ancestor. One owner's moves wait for each other: what a walk up the
      -- tree has seen is still true when the move is stored. The argument names the column that points upwards.
      CREATE FUNCTION refuse_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
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
          RAISE EXCEPTION 'a row cannot be its own ancestor' USING ERRCODE = 'ZC409', COLUMN = TG_ARGV[0];
        END IF;
        RETURN NEW;
      END $$;

      CREATE TRIGGER users_check BEFORE INSERT OR UPDATE OF
        email, username, full_name, password_hash, is_active, is_verified, is_superuser, timezone ON users
        FOR EACH ROW EXECUTE FUNCTION check_user();

      -- Triggers of one kind run in the order of their names.
      CREATE TRIGGER goals_1_cycle BEFORE UPDATE OF parent_goal_id ON goals
        FOR EACH ROW WHEN (NEW.parent_goal_id IS NOT NULL) EXECUTE FUNCTION refuse_cycle('parent_goal_id');
      CREATE TRIGGER goals_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON goals
        FOR EACH ROW EXECUTE FUNCTION keep_completed_at();
      CREATE TRIGGER goals_3_version BEFORE UPDATE ON goals
        FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION keep_version();

      CREATE TRIGGER tasks_1_cycle BEFORE UPDATE OF parent_task_id ON tasks
        FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_cycle('parent_task_id');
      CREATE TRIGGER tasks_2_completed_at BEFORE INSERT OR UPDATE OF status, completed_at ON tasks
        FOR EACH ROW EXECUTE FUNCTION keep_completed_at();
      CREATE TRIGGER tasks_3_version BEFORE UPDATE ON tasks
        FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION keep_version();
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE tasks, goals, sessions, users;
      DROP FUNCTION check_user(), keep_completed_at(), keep_version(), refuse_cycle();
    `);
  }
}
