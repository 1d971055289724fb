CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_username_key ON users (lower(username));

-- Refuses a time zone that PostgreSQL does not know (SQLSTATE 22023), and sets updated_at when a visible column changes.
-- Clients use updated_at as the version of the account, so it is different after each update.
CREATE FUNCTION check_user() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  hidden text[] := '{password_hash,last_login_at,deactivated_at,can_reactivate}';
BEGIN
  PERFORM now() AT TIME ZONE NEW.timezone;
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - hidden <> to_jsonb(NEW) - hidden THEN
    NEW.updated_at := greatest(now(), OLD.updated_at + interval '1 millisecond');
  END IF;
  RETURN NEW;
END $$;

-- A sign-in sets last_login_at and may replace the password hash. Neither counts as an update of the account.
CREATE TRIGGER users_check BEFORE INSERT OR UPDATE OF
  email, username, full_name, is_active, is_verified, is_superuser, timezone ON users
  FOR EACH ROW EXECUTE FUNCTION check_user();

-- Sets deactivated_at when is_active becomes false, and clears the columns about deactivation when it becomes true.
-- When the time of deletion has come, the personal data of the account is erased: the email address and the username can
-- be used again while the other rows of the user are being deleted. Nobody can register an address with the domain
-- "deleted". The column is rounded to milliseconds, so now() is rounded as well.
CREATE FUNCTION apply_deactivation() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.is_active THEN
    NEW.deactivated_at := NULL;
    NEW.can_reactivate := false;
    NEW.deletion_at := NULL;
  ELSE
    NEW.deactivated_at := coalesce(NEW.deactivated_at, now());
    IF NEW.deletion_at <= now()::timestamptz(3) THEN
      NEW.email := NEW.id || '@deleted';
      NEW.username := NULL;
      NEW.full_name := NULL;
      NEW.password_hash := '$argon2id$';
    END IF;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER users_deactivation BEFORE INSERT OR UPDATE OF is_active, deactivated_at, deletion_at ON users
  FOR EACH ROW EXECUTE FUNCTION apply_deactivation();

REVOKE ALL ON FUNCTION check_user(), apply_deactivation() FROM PUBLIC;

ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON users TO cairn_app
  USING (id = (SELECT current_user_id())) WITH CHECK (id = (SELECT current_user_id()));
CREATE POLICY authenticator ON users TO cairn_auth USING (true) WITH CHECK (true);
CREATE POLICY administrator ON users TO cairn_admin USING (true) WITH CHECK (true);
CREATE POLICY purge ON users TO cairn_purge USING (NOT is_active) WITH CHECK (NOT is_active);

REVOKE ALL ON users FROM PUBLIC;
-- The current user: everything but the password hash.
GRANT SELECT (id, email, username, full_name, is_active, is_verified, is_superuser, timezone, last_login_at,
  email_verified_at, created_at, updated_at, deletion_at), UPDATE (username, full_name, timezone) ON users TO cairn_app;
-- Registration, imports, sign-in, passwords, email addresses, and the deactivation of an account by its user.
GRANT SELECT, INSERT (id, email, username, full_name, timezone, password_hash, created_at), UPDATE (email, username,
  full_name, timezone, password_hash, is_verified, email_verified_at, last_login_at, is_active, can_reactivate,
  deletion_at) ON users TO cairn_auth;
-- Administration: everything but the password hash.
GRANT SELECT (id, email, username, full_name, is_active, is_verified, is_superuser, timezone, last_login_at,
  email_verified_at, created_at, updated_at, can_reactivate, deletion_at),
  UPDATE (is_active, is_superuser, can_reactivate, deletion_at) ON users TO cairn_admin;
-- Only the purge deletes accounts.
GRANT SELECT (id, is_active, deactivated_at, can_reactivate, deletion_at), UPDATE (deletion_at), DELETE
  ON users TO cairn_purge;
