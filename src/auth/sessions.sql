-- Whether a session is neither revoked nor expired. Does not check whether its user is active.
CREATE FUNCTION session_is_alive(revoked_at timestamptz, expires_at timestamptz) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN revoked_at IS NULL AND expires_at > now();

REVOKE ALL ON FUNCTION session_is_alive(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_is_alive(timestamptz, timestamptz) TO cairn_app, cairn_auth, cairn_purge;

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON sessions TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
CREATE POLICY authenticator ON sessions TO cairn_auth USING (true) WITH CHECK (true);
CREATE POLICY administrator ON sessions TO cairn_admin USING (true) WITH CHECK (true);
CREATE POLICY purge ON sessions TO cairn_purge USING (NOT session_is_alive(revoked_at, expires_at)) WITH CHECK (false);

REVOKE ALL ON sessions FROM PUBLIC;
GRANT SELECT, UPDATE (revoked_at) ON sessions TO cairn_app;
GRANT SELECT, INSERT (user_id, id, user_agent, ip, expires_at), UPDATE (generation, last_used_at, expires_at, revoked_at)
  ON sessions TO cairn_auth;
GRANT SELECT (user_id, revoked_at), UPDATE (revoked_at) ON sessions TO cairn_admin;
GRANT SELECT (user_id, id, revoked_at, expires_at), DELETE ON sessions TO cairn_purge;
