-- Quotas per user (docs/decisions/0024). Every transaction that writes sets `cairn.quotas` for its own duration: a JSON
-- object with the value of each quota by its name.

-- The value of a quota; null if it is not set, as in statements of the operator. Then there is no limit.
CREATE FUNCTION quota_of(name text) RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
  RETURN (nullif(current_setting('cairn.quotas', true), '')::jsonb ->> name)::integer;

-- Reports a quota as exceeded: SQLSTATE ZC409.
CREATE FUNCTION raise_quota_exceeded(name text, quota integer) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'quota exceeded: %', name
    USING ERRCODE = 'ZC409', HINT = 'quota_exceeded', DETAIL = jsonb_build_object('name', name, 'value', quota);
END $$;

-- After each INSERT: counts the rows of each owner in `row_counts`, and refuses them if they exceed the quota with the name
-- of the table. Deletions are not counted, so that a count is only an upper bound. Before it refuses anything, it
-- counts the rows of the table.
CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  quota integer := quota_of(TG_TABLE_NAME);
  owner uuid;
  added integer;
  counted integer;
BEGIN
  FOR owner, added IN SELECT n.user_id, count(*) FROM new_rows n GROUP BY n.user_id LOOP
    UPDATE row_counts c SET count = c.count + added WHERE c.user_id = owner AND c.table_name = TG_TABLE_NAME
      RETURNING c.count INTO counted;
    CONTINUE WHEN counted <= coalesce(quota, counted);
    EXECUTE format('SELECT count(*) FROM %I.%I t WHERE t.user_id = $1', TG_TABLE_SCHEMA, TG_TABLE_NAME)
      INTO counted USING owner;
    IF counted > quota THEN
      PERFORM raise_quota_exceeded(TG_TABLE_NAME, quota);
    END IF;
    INSERT INTO row_counts (user_id, table_name, count) VALUES (owner, TG_TABLE_NAME, counted)
      ON CONFLICT (user_id, table_name) DO UPDATE SET count = excluded.count;
  END LOOP;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION quota_of(text), raise_quota_exceeded(text, integer), count_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quota_of(text), raise_quota_exceeded(text, integer) TO cairn_app;

ALTER TABLE row_counts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON row_counts TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON row_counts FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE (count) ON row_counts TO cairn_app;
