-- Every transaction of a request begins with one of the enter functions. They check the session or token and then switch
-- to a restricted role for the rest of the transaction.

GRANT USAGE ON SCHEMA public TO cairn_login, cairn_app, cairn_auth, cairn_admin, cairn_purge;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- The current user's id. Before one of the enter functions it is null, and the policies show no rows.
-- (A transaction-local setting reads as an empty string after its transaction.)
CREATE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('cairn.user_id', true), '')::uuid;

-- Acts as this user until the end of the transaction, with the rights of cairn_app only.
CREATE FUNCTION act_as(user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config('cairn.user_id', user_id::text, true), set_config('role', 'cairn_app', true);
END $$;

-- Acts as the user of this session. SQLSTATE ZC401 unless the session is alive and the user is active.
CREATE FUNCTION enter(session_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config('role', 'cairn_auth', true);
  PERFORM 1 FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.user_id = enter.user_id AND s.id = enter.session_id
      AND session_is_alive(s.revoked_at, s.expires_at) AND u.is_active;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'session is not alive' USING ERRCODE = 'ZC401';
  END IF;
  PERFORM act_as(enter.user_id);
END $$;

-- Like enter, with a personal access token instead of a session.
CREATE FUNCTION enter_by_token(token_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config('role', 'cairn_auth', true);
  PERFORM 1 FROM personal_tokens t JOIN users u ON u.id = t.user_id
    WHERE t.user_id = enter_by_token.user_id AND t.id = enter_by_token.token_id AND t.expires_at > now() AND u.is_active;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'token is not valid' USING ERRCODE = 'ZC401';
  END IF;
  PERFORM act_as(enter_by_token.user_id);
END $$;

-- Like enter, for the administration of accounts: SQLSTATE ZC403 unless the user is a superuser. The role cairn_admin
-- sees accounts and has no rights on tasks and goals. The row lock keeps the user a superuser until the end of the
-- transaction: of two superusers who demote each other, only one succeeds.
CREATE FUNCTION enter_as_administrator(session_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM enter(session_id, user_id);
  PERFORM 1 FROM users u WHERE u.id = enter_as_administrator.user_id AND u.is_superuser FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'not a superuser' USING ERRCODE = 'ZC403', HINT = 'forbidden';
  END IF;
  PERFORM set_config('role', 'cairn_admin', true);
END $$;

-- Locks the account against changes of its password and rights until the end of the transaction. Call it before enter
-- when the transaction creates something that such a change must revoke: enter then sees all earlier changes, and later
-- changes wait until the new row is committed.
CREATE FUNCTION lock_account(user_id uuid) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM set_config('role', 'cairn_auth', true);
  PERFORM 1 FROM users u WHERE u.id = lock_account.user_id FOR SHARE;
  PERFORM set_config('role', 'none', true);
END $$;

-- Serializes the writes of one user: what a transaction has read is still true when it commits.
CREATE FUNCTION lock_user_writes(user_id uuid) RETURNS void LANGUAGE sql
  RETURN pg_advisory_xact_lock(hashtextextended('writes of ' || user_id, 0));

-- SQLSTATE ZC403 unless the current user's email address is verified. Call it after enter.
CREATE FUNCTION refuse_unverified() RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM users u WHERE u.id = current_user_id() AND u.is_verified;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'email is not verified' USING ERRCODE = 'ZC403', HINT = 'email_not_verified';
  END IF;
END $$;

REVOKE ALL ON FUNCTION current_user_id(), act_as(uuid), enter(uuid, uuid), enter_by_token(uuid, uuid),
  enter_as_administrator(uuid, uuid), lock_account(uuid), lock_user_writes(uuid), refuse_unverified() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION act_as(uuid), enter(uuid, uuid), enter_by_token(uuid, uuid), enter_as_administrator(uuid, uuid),
  lock_account(uuid), lock_user_writes(uuid) TO cairn_login;
GRANT EXECUTE ON FUNCTION act_as(uuid) TO cairn_auth;
GRANT EXECUTE ON FUNCTION current_user_id(), lock_user_writes(uuid), refuse_unverified() TO cairn_app;
