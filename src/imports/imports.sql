ALTER TABLE imports ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON imports TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
-- Background work finds the unfinished imports of all users, and stores their progress.
CREATE POLICY purge ON imports TO cairn_purge
  USING (status IN ('uploading', 'waiting', 'running')) WITH CHECK (status IN ('waiting', 'running'));

REVOKE ALL ON imports FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (status, bytes, counts, error, active_at, finished_at) ON imports TO cairn_app;
GRANT SELECT (user_id, id, status, validate_only, bytes, attempts, created_at, active_at), DELETE,
  UPDATE (status, attempts, step, done, total, active_at) ON imports TO cairn_purge;

ALTER TABLE import_parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON import_parts TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON import_parts FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON import_parts TO cairn_app;
