import { MigrationInterface, QueryRunner } from 'typeorm';
import { lockTables } from './lock-tables';

/** Tags, dependencies, and how deep tasks may lie. */
export class TaskRelations1795316400000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'tasks'));
    await queryRunner.query(`
      ALTER TABLE tasks ADD COLUMN tags text[] NOT NULL DEFAULT '{}';

      -- No task is part of one in the trash any more: what was, stands by itself. (For this, the owner sees all rows.)
      ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY;
      UPDATE tasks t SET parent_task_id = NULL FROM tasks p
        WHERE p.user_id = t.user_id AND p.id = t.parent_task_id AND t.deleted_at IS NULL AND p.deleted_at IS NOT NULL;
      ALTER TABLE tasks FORCE ROW LEVEL SECURITY;

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
      CREATE UNIQUE INDEX tags_name_key ON tags (user_id, lower(name));

      CREATE TABLE task_tags (
        user_id uuid NOT NULL,
        task_id uuid NOT NULL,
        tag_id uuid NOT NULL,
        CONSTRAINT task_tags_pkey PRIMARY KEY (user_id, task_id, tag_id),
        CONSTRAINT task_tags_task_id_fkey FOREIGN KEY (user_id, task_id) REFERENCES tasks (user_id, id) ON DELETE CASCADE,
        CONSTRAINT task_tags_tag_id_fkey FOREIGN KEY (user_id, tag_id) REFERENCES tags (user_id, id) ON DELETE CASCADE
      );
      CREATE INDEX task_tags_by_tag ON task_tags (user_id, tag_id, task_id);

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
    `);

    await queryRunner.query(`
      -- The writes of one owner, one after the other: what one of them has seen is still true when it is stored.
      CREATE FUNCTION take_turn(user_id uuid) RETURNS void LANGUAGE sql
        AS $$ SELECT pg_advisory_xact_lock(hashtextextended('writes of ' || user_id, 0)) $$;

      -- Refuses a task with more than ten ancestors, also below one that moves.
      CREATE FUNCTION refuse_depth() RETURNS trigger LANGUAGE plpgsql AS $$
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
          RAISE EXCEPTION 'a task cannot lie so deep' USING ERRCODE = 'ZC409', HINT = 'too_deep';
        END IF;
        RETURN NEW;
      END $$;

      -- The parent must be there, outside of the trash. Else SQLSTATE ZC404, or ZC409 where a task is restored. Those below
      -- the one that cairn.restoring names are restored by the same statement as their parents.
      CREATE FUNCTION refuse_trashed_parent() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF coalesce(current_setting('cairn.restoring', true), '') NOT IN ('', NEW.id::text) THEN
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

      CREATE FUNCTION refuse_dependency_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM 1 FROM (
          WITH RECURSIVE needed (id) AS (
            SELECT NEW.depends_on_id
            UNION
            SELECT d.depends_on_id FROM needed n JOIN task_dependencies d ON d.user_id = NEW.user_id AND d.task_id = n.id
          )
          SELECT FROM needed WHERE id = NEW.task_id
        ) ring;
        IF FOUND THEN
          RAISE EXCEPTION 'a task cannot depend on itself' USING ERRCODE = 'ZC409', HINT = 'dependency_cycle';
        END IF;
        RETURN NEW;
      END $$;

      -- What lies in the trash is not to be done any more.
      CREATE FUNCTION refuse_open_dependency() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM 1 FROM task_dependencies d JOIN tasks t ON t.user_id = d.user_id AND t.id = d.depends_on_id
          WHERE d.user_id = NEW.user_id AND d.task_id = NEW.id
            AND t.status NOT IN ('completed', 'cancelled') AND t.deleted_at IS NULL;
        IF FOUND AND current_setting('cairn.force', true) IS DISTINCT FROM 'true' THEN
          RAISE EXCEPTION 'a dependency is open' USING ERRCODE = 'ZC409', HINT = 'dependency_open';
        END IF;
        RETURN NEW;
      END $$;

      -- Triggers of one kind run in the order of their names: a ring is refused before its depth is measured.
      CREATE TRIGGER tasks_1_depth BEFORE INSERT OR UPDATE OF parent_task_id ON tasks
        FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION refuse_depth();
      CREATE TRIGGER tasks_1_parent BEFORE INSERT OR UPDATE OF parent_task_id, deleted_at ON tasks
        FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL AND NEW.deleted_at IS NULL) EXECUTE FUNCTION refuse_trashed_parent();
      CREATE TRIGGER tasks_1_dependency BEFORE UPDATE OF status ON tasks
        FOR EACH ROW WHEN (NEW.status = 'completed' AND OLD.status <> 'completed') EXECUTE FUNCTION refuse_open_dependency();
      CREATE TRIGGER task_dependencies_1_cycle BEFORE INSERT ON task_dependencies
        FOR EACH ROW EXECUTE FUNCTION refuse_dependency_cycle();
      CREATE TRIGGER tags_3_version BEFORE UPDATE ON tags
        FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION keep_version();

      REVOKE ALL ON FUNCTION take_turn(uuid), refuse_depth(), refuse_trashed_parent(),
        refuse_dependency_cycle(), refuse_open_dependency() FROM PUBLIC;
      GRANT EXECUTE ON FUNCTION take_turn(uuid) TO cairn_login;
    `);

    await queryRunner.query(`
      REVOKE ALL ON tags, task_tags, task_dependencies FROM PUBLIC;
      ALTER TABLE tags ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE task_tags ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE task_dependencies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY owner ON tags TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
      CREATE POLICY owner ON task_tags TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
      CREATE POLICY owner ON task_dependencies TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
      GRANT SELECT, INSERT, DELETE, UPDATE (name, color) ON tags TO cairn_app;
      GRANT SELECT, INSERT, DELETE ON task_tags, task_dependencies TO cairn_app;
      GRANT UPDATE (tags) ON tasks TO cairn_app;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'tasks'));
    await queryRunner.query(`
      DROP TRIGGER tasks_1_depth ON tasks;
      DROP TRIGGER tasks_1_parent ON tasks;
      DROP TRIGGER tasks_1_dependency ON tasks;
      DROP TABLE task_tags, task_dependencies, tags;
      DROP FUNCTION take_turn(uuid), refuse_depth(), refuse_trashed_parent(),
        refuse_dependency_cycle(), refuse_open_dependency();
      ALTER TABLE tasks DROP COLUMN tags;
    `);
  }
}
