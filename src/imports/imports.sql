ALTER TABLE imports ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON imports TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
-- Instances find the imports of all users, and store their progress while the transaction of the import is running.
CREATE POLICY purge ON imports TO cairn_purge USING (true) WITH CHECK (true);

REVOKE ALL ON imports FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE ON imports TO cairn_app;
GRANT SELECT (user_id, id, status, validate_only, bytes, attempts, created_at, active_at), DELETE,
  UPDATE (status, attempts, step, done, total, active_at) ON imports TO cairn_purge;

ALTER TABLE import_parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON import_parts TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON import_parts FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON import_parts TO cairn_app;
