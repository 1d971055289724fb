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
