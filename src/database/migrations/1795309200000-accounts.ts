import { MigrationInterface, QueryRunner } from 'typeorm';
import { lockTables } from './lock-tables';
import { letOwnerTake, makeRole } from './make-role';

/** Personal tokens, mails and the tokens in them, limits, and the administration of accounts. */
export class Accounts1795309200000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'sessions'));

    await queryRunner.query(makeRole('cairn_admin'));
    for (const role of ['cairn_app', 'cairn_auth']) await queryRunner.query(letOwnerTake(role));

    await queryRunner.query(`
      CREATE TABLE personal_tokens (
        user_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        scopes text[] NOT NULL,
        token_hash bytea NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        expires_at timestamptz(3) NOT NULL,
        last_used_at timestamptz(3),
        CONSTRAINT personal_tokens_pkey PRIMARY KEY (user_id, id),
        CONSTRAINT personal_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT personal_tokens_name_check CHECK (length(name) <= 100 AND name ~ '[^[:space:]]'),
        CONSTRAINT personal_tokens_scopes_check CHECK (scopes <@ '{read,write}' AND cardinality(scopes) BETWEEN 1 AND 2),
        CONSTRAINT personal_tokens_token_hash_check CHECK (length(token_hash) = 32)
      );
      CREATE UNIQUE INDEX personal_tokens_token_hash_key ON personal_tokens (token_hash);

      CREATE TABLE one_time_tokens (
        user_id uuid NOT NULL,
        purpose text NOT NULL,
        email text NOT NULL,
        token_hash bytea NOT NULL,
        expires_at timestamptz(3) NOT NULL,
        CONSTRAINT one_time_tokens_pkey PRIMARY KEY (user_id, token_hash),
        CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('verify_email', 'reset_password')),
        CONSTRAINT one_time_tokens_token_hash_check CHECK (length(token_hash) = 32)
      );
      CREATE UNIQUE INDEX one_time_tokens_token_hash_key ON one_time_tokens (token_hash);

      CREATE TABLE mails (
        id uuid NOT NULL,
        kind text NOT NULL,
        email text NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        due_at timestamptz(3) NOT NULL DEFAULT now(),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT mails_pkey PRIMARY KEY (id),
        CONSTRAINT mails_kind_check CHECK (kind IN ('verify_email', 'reset_password', 'password_changed', 'email_changed'))
      );

      CREATE TABLE rate_limits (
        key text NOT NULL,
        hits integer NOT NULL,
        free_at timestamptz(3) NOT NULL,
        resets_at timestamptz(3) NOT NULL,
        CONSTRAINT rate_limits_pkey PRIMARY KEY (key)
      );

      -- Its ids are no foreign keys: the record outlives whom it is about.
      CREATE TABLE administrative_acts (
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        actor_id uuid,
        subject_id uuid NOT NULL,
        act text NOT NULL,
        CONSTRAINT administrative_acts_pkey PRIMARY KEY (id),
        CONSTRAINT administrative_acts_act_check
          CHECK (act IN ('activate', 'deactivate', 'promote', 'demote', 'revoke_sessions', 'delete'))
      );
    `);

    await queryRunner.query(`
      -- As enter, but with a personal token: the token lives, and its user may act. Else SQLSTATE ZC401.
      CREATE FUNCTION enter_by_token(token_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM set_config('role', 'cairn_auth', true);
        PERFORM 1 FROM personal_tokens t JOIN users u ON u.id = t.user_id
          WHERE t.user_id = enter_by_token.user_id AND t.id = enter_by_token.token_id AND t.expires_at > now() AND u.is_active;
        IF NOT FOUND THEN
          RAISE EXCEPTION 'token is not alive' USING ERRCODE = 'ZC401';
        END IF;
        PERFORM act_as(enter_by_token.user_id);
      END $$;

      -- Before enter, where something is made that a change of password or rights must end: until the transaction is over,
      -- such changes wait; and those before are seen by enter.
      CREATE FUNCTION hold_account(user_id uuid) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM set_config('role', 'cairn_auth', true);
        PERFORM 1 FROM users u WHERE u.id = hold_account.user_id FOR SHARE;
        PERFORM set_config('role', 'none', true);
      END $$;

      -- As enter, but for the administration of accounts: the user is a superuser, else SQLSTATE ZC403. The role sees
      -- accounts, and has no right on tasks and goals. Until the transaction is over, nobody takes the rights away: of two
      -- superusers who demote each other, one succeeds.
      CREATE FUNCTION enter_as_administrator(session_id uuid, user_id uuid) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM enter(session_id, user_id);
        PERFORM 1 FROM users u WHERE u.id = enter_as_administrator.user_id AND u.is_superuser FOR SHARE;
        IF NOT FOUND THEN
          RAISE EXCEPTION 'not a superuser' USING ERRCODE = 'ZC403', HINT = 'forbidden';
        END IF;
        PERFORM set_config('role', 'cairn_admin', true);
      END $$;

      -- After enter, where only those may go on whose email address is verified.
      CREATE FUNCTION refuse_unverified() RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM 1 FROM users u WHERE u.id = current_user_id() AND u.is_verified;
        IF NOT FOUND THEN
          RAISE EXCEPTION 'email is not verified' USING ERRCODE = 'ZC403', HINT = 'email_not_verified';
        END IF;
      END $$;

      -- Counts hits against several limits, in their order, up to the first one that refuses: that one is not counted.
      -- A limit allows quota hits in a window of seconds. Then it refuses until the window ends; or, where it has a
      -- longest wait, for 1, 2, 4, … seconds up to that, one more hit after each, until a window passes without any.
      CREATE FUNCTION count_hits(keys text[], quotas integer[], windows integer[], longest_waits integer[], new_hits integer)
        RETURNS TABLE (is_allowed boolean, used integer, seconds integer) LANGUAGE plpgsql AS $$
      DECLARE
        quota integer;
        wait integer;
        span interval;
        l rate_limits;
      BEGIN
        FOR i IN 1 .. cardinality(keys) LOOP
          quota := quotas[i];
          wait := longest_waits[i];
          span := windows[i] * interval '1 second';
          SELECT * INTO l FROM rate_limits r WHERE r.key = keys[i] FOR UPDATE;
          IF NOT FOUND THEN
            INSERT INTO rate_limits AS r (key, hits, free_at, resets_at) VALUES (keys[i], 0, '-infinity', '-infinity')
              ON CONFLICT (key) DO UPDATE SET hits = r.hits RETURNING * INTO l;
          END IF;
          IF l.resets_at <= clock_timestamp() THEN
            l.hits := 0;
            l.free_at := '-infinity';
            l.resets_at := clock_timestamp() + span;
          END IF;
          is_allowed := l.free_at <= clock_timestamp();
          IF is_allowed THEN
            l.hits := l.hits + new_hits;
            IF wait > 0 THEN
              l.resets_at := clock_timestamp() + span;
            END IF;
            IF l.hits >= quota THEN
              l.free_at := CASE WHEN wait > 0
                THEN clock_timestamp() + least(2 ^ least(l.hits - quota, 30), wait) * interval '1 second'
                ELSE l.resets_at END;
            END IF;
            UPDATE rate_limits r SET hits = l.hits, free_at = l.free_at, resets_at = greatest(l.resets_at, l.free_at)
              WHERE r.key = keys[i];
          END IF;
          used := l.hits;
          seconds := greatest(1, ceil(extract(epoch FROM
            CASE WHEN l.free_at > clock_timestamp() THEN l.free_at ELSE l.resets_at END - clock_timestamp()) - 0.001));
          RETURN NEXT;
          EXIT WHEN NOT is_allowed;
        END LOOP;
      END $$;

      REVOKE ALL ON personal_tokens, one_time_tokens, mails, rate_limits, administrative_acts FROM PUBLIC;
      REVOKE ALL ON FUNCTION enter_by_token(uuid, uuid), hold_account(uuid), enter_as_administrator(uuid, uuid), refuse_unverified(),
        count_hits(text[], integer[], integer[], integer[], integer) FROM PUBLIC;
      GRANT USAGE ON SCHEMA public TO cairn_admin;
      GRANT EXECUTE ON FUNCTION enter_by_token(uuid, uuid), hold_account(uuid), enter_as_administrator(uuid, uuid) TO cairn_login;
      GRANT EXECUTE ON FUNCTION refuse_unverified() TO cairn_app;
      GRANT EXECUTE ON FUNCTION count_hits(text[], integer[], integer[], integer[], integer) TO cairn_auth;
    `);

    await queryRunner.query(`
      ALTER TABLE personal_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE one_time_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE mails ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE rate_limits ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      ALTER TABLE administrative_acts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

      CREATE POLICY owner ON personal_tokens TO cairn_app
        USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
      CREATE POLICY authenticator ON personal_tokens TO cairn_auth USING (true) WITH CHECK (true);
      CREATE POLICY authenticator ON one_time_tokens TO cairn_auth USING (true) WITH CHECK (true);
      CREATE POLICY authenticator ON mails TO cairn_auth USING (true) WITH CHECK (true);
      CREATE POLICY authenticator ON rate_limits TO cairn_auth USING (true) WITH CHECK (true);
      CREATE POLICY administrator ON users TO cairn_admin USING (true) WITH CHECK (true);
      CREATE POLICY administrator ON sessions TO cairn_admin USING (true) WITH CHECK (true);
      CREATE POLICY administrator ON personal_tokens TO cairn_admin USING (true) WITH CHECK (true);
      CREATE POLICY administrator ON one_time_tokens TO cairn_admin USING (true) WITH CHECK (true);
      CREATE POLICY administrator ON administrative_acts TO cairn_admin USING (true) WITH CHECK (true);

      -- The operator reads the record as the schema's owner.
      CREATE POLICY operator ON administrative_acts FOR SELECT TO CURRENT_USER USING (true);

      -- The owner sees all of a personal token but its hash, and changes nothing of it.
      GRANT SELECT (user_id, id, name, scopes, created_at, expires_at, last_used_at), INSERT, DELETE
        ON personal_tokens TO cairn_app;

      -- Passwords, addresses and what proves them.
      GRANT UPDATE (email, username, full_name, timezone, password_hash, is_verified, email_verified_at) ON users TO cairn_auth;
      GRANT SELECT, DELETE, UPDATE (last_used_at) ON personal_tokens TO cairn_auth;
      GRANT SELECT, INSERT, DELETE ON one_time_tokens TO cairn_auth;
      GRANT SELECT, INSERT, DELETE, UPDATE (attempts, due_at) ON mails TO cairn_auth;
      GRANT SELECT, INSERT, DELETE, UPDATE (hits, free_at, resets_at) ON rate_limits TO cairn_auth;

      -- Accounts, but neither hashes nor what users own. The record of acts is written, never read or changed.
      GRANT SELECT (id, email, username, full_name, is_active, is_verified, is_superuser, timezone, last_login_at,
          email_verified_at, created_at, updated_at), UPDATE (is_active, is_superuser), DELETE ON users TO cairn_admin;
      GRANT SELECT (user_id, id, revoked_at), UPDATE (revoked_at) ON sessions TO cairn_admin;
      GRANT SELECT (user_id), DELETE ON personal_tokens, one_time_tokens TO cairn_admin;
      GRANT INSERT ON administrative_acts TO cairn_admin;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(lockTables('users', 'sessions'));
    await queryRunner.query(`
      DROP TABLE personal_tokens, one_time_tokens, mails, rate_limits, administrative_acts;
      DROP FUNCTION enter_by_token(uuid, uuid), hold_account(uuid), enter_as_administrator(uuid, uuid), refuse_unverified(),
        count_hits(text[], integer[], integer[], integer[], integer);
      DROP POLICY administrator ON users;
      DROP POLICY administrator ON sessions;
      REVOKE UPDATE (email, username, full_name, timezone, password_hash, is_verified, email_verified_at) ON users FROM cairn_auth;
      REVOKE ALL ON users, sessions FROM cairn_admin;
      REVOKE ALL ON SCHEMA public FROM cairn_admin;
    `);
  }
}
