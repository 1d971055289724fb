ALTER TABLE one_time_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY authenticator ON one_time_tokens TO cairn_auth USING (true) WITH CHECK (true);
CREATE POLICY administrator ON one_time_tokens TO cairn_admin USING (true) WITH CHECK (true);

REVOKE ALL ON one_time_tokens FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON one_time_tokens TO cairn_auth;
GRANT SELECT (user_id), DELETE ON one_time_tokens TO cairn_admin;
