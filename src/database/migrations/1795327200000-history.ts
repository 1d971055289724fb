import { MigrationInterface, QueryRunner } from 'typeorm';
import { lockTables } from './lock-tables';

/** What changed in tasks and goals. */
export class History1795327200000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'goals', 'tasks'));
    await queryRunner.query(`
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
        CONSTRAINT changes_entity_check CHECK (entity IN ('task', 'goal')),
        CONSTRAINT changes_operation_check CHECK (operation IN ('create', 'update', 'delete'))
      );
      CREATE INDEX changes_by_entity ON changes (user_id, entity_id, id);

      -- Writes down what changed. An owner's changes are numbered in the order in which they are committed: who makes one
      -- has the owner's turn until then. What is removed for ever leaves nothing but that it was removed.
      CREATE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
        PERFORM take_turn(changed.user_id);
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

      -- Not what foreign keys do on their own: they act as the owner of the tables, who sees no rows. The application
      -- leaves nothing to them but what goes with a user, whose history goes too.
      CREATE TRIGGER tasks_4_history AFTER INSERT OR UPDATE OR DELETE ON tasks
        FOR EACH ROW WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app') EXECUTE FUNCTION record_change('task');
      CREATE TRIGGER goals_4_history AFTER INSERT OR UPDATE OR DELETE ON goals
        FOR EACH ROW WHEN (pg_trigger_depth() = 0 OR current_user = 'cairn_app') EXECUTE FUNCTION record_change('goal');

      REVOKE ALL ON changes FROM PUBLIC;
      REVOKE ALL ON FUNCTION record_change() FROM PUBLIC;
      GRANT EXECUTE ON FUNCTION take_turn(uuid) TO cairn_app;
      ALTER TABLE changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY owner ON changes TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
      GRANT SELECT, INSERT, DELETE ON changes TO cairn_app;
      -- So that what is undone is as it was.
      GRANT UPDATE (completed_at) ON tasks TO cairn_app;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'goals', 'tasks'));
    await queryRunner.query(`
      REVOKE UPDATE (completed_at) ON tasks FROM cairn_app;
      REVOKE EXECUTE ON FUNCTION take_turn(uuid) FROM cairn_app;
      DROP TRIGGER tasks_4_history ON tasks;
      DROP TRIGGER goals_4_history ON goals;
      DROP FUNCTION record_change();
      DROP TABLE changes;
    `);
  }
}
