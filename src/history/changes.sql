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
  before jsonb := coalesce(to_jsonb(OLD), '{}');
  number bigint;
BEGIN
  -- Not part of the conditions of the triggers: PostgreSQL plans those for each statement. The copy of tag names is no
  -- change of a task by its user. Computed progress is recorded only if it changes the status of the goal.
  IF 'true' IN (transaction_flag('deleting_account'), transaction_flag('importing_history'), transaction_flag('copying_tag_names'))
    OR (transaction_flag('recomputing_progress') = 'true' AND before -> 'status' = to_jsonb(NEW) -> 'status') THEN
    RETURN NULL;
  END IF;
  PERFORM lock_user_writes(coalesce(NEW.user_id, OLD.user_id));
  IF TG_OP = 'DELETE' THEN
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
      SELECT OLD.user_id, coalesce(max(c.id), 0) + 1, TG_ARGV[0], OLD.id, OLD.version + 1, 'delete', '{}'
      FROM changes c WHERE c.user_id = OLD.user_id
      RETURNING id INTO number;
    DELETE FROM changes c WHERE c.user_id = OLD.user_id AND c.entity_id = OLD.id AND c.id < number;
  ELSE
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
      SELECT NEW.user_id, (SELECT coalesce(max(c.id), 0) + 1 FROM changes c WHERE c.user_id = NEW.user_id),
        TG_ARGV[0], NEW.id, NEW.version, CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'update' END,
        jsonb_object_agg(key, jsonb_build_object('old', coalesce(before -> key, 'null'), 'new', value))
      FROM jsonb_each(to_jsonb(NEW))
      WHERE value <> coalesce(before -> key, 'null') AND key NOT IN ('user_id', 'id', 'created_at', 'updated_at', 'version')
      HAVING count(*) > 0;
  END IF;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION record_change() FROM PUBLIC;

ALTER TABLE changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON changes TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON changes FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON changes TO cairn_app;
