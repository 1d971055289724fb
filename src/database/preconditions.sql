-- Refuses (SQLSTATE ZC412) a row that does not have one of the required versions, or that has one of the other versions.
-- Null means every version.
CREATE FUNCTION require_version(version bigint, versions bigint[], other_versions bigint[]) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT coalesce(version = ANY (versions), true) OR coalesce(version = ANY (other_versions), true) THEN
    RAISE EXCEPTION 'the row has another version' USING ERRCODE = 'ZC412';
  END IF;
END $$;

REVOKE ALL ON FUNCTION require_version(bigint, bigint[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION require_version(bigint, bigint[], bigint[]) TO cairn_app, cairn_auth, cairn_admin;
