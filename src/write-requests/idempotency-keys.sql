-- Refuses (SQLSTATE ZC409) a request while another one with the same key is running. The lock lasts until the end of the
-- transaction.
CREATE FUNCTION lock_idempotency_key(user_id uuid, key_hash text) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('idempotency key ' || user_id || key_hash, 0)) THEN
    RAISE EXCEPTION 'a request with this key is running' USING ERRCODE = 'ZC409', HINT = 'idempotency_key_in_use';
  END IF;
END $$;

-- After each INSERT: adds the size of the response to `row_counts`, and refuses it if the responses of its owner exceed the
-- quota idempotency_bytes. As in count_rows, deletions are not counted: before it refuses anything, it adds up all sizes.
CREATE FUNCTION count_response_bytes() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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
END $$;

REVOKE ALL ON FUNCTION lock_idempotency_key(uuid, text), count_response_bytes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_idempotency_key(uuid, text) TO cairn_login;

CREATE TRIGGER idempotency_keys_4_quota AFTER INSERT ON idempotency_keys REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
CREATE TRIGGER idempotency_keys_4_quota_of_bytes AFTER INSERT ON idempotency_keys
  FOR EACH ROW WHEN (NEW.body IS NOT NULL) EXECUTE FUNCTION count_response_bytes();

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON idempotency_keys TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
CREATE POLICY purge ON idempotency_keys TO cairn_purge
  USING (stored_at <= now() - interval '24 hours') WITH CHECK (false);

REVOKE ALL ON idempotency_keys FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO cairn_app;
GRANT SELECT (user_id, key_hash, stored_at), DELETE ON idempotency_keys TO cairn_purge;
