-- Expired tokens count too.
CREATE TRIGGER personal_tokens_4_quota AFTER INSERT ON personal_tokens REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

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
