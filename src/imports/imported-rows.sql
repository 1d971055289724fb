ALTER TABLE imported_rows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON imported_rows TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON imported_rows FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (source_hash, row_hash) ON imported_rows TO cairn_app;
