-- The migrations that were applied. The application calls this at the start, because its role cannot read the table.
CREATE FUNCTION schema_migrations() RETURNS TABLE (name varchar, compatible_with text) LANGUAGE sql STABLE SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
  SELECT name, compatible_with FROM public.migrations
$$;

REVOKE ALL ON FUNCTION schema_migrations() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION schema_migrations() TO cairn_login;

-- Versions before schema_migrations() call this one.
CREATE FUNCTION applied_migrations() RETURNS SETOF varchar LANGUAGE sql STABLE SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
  SELECT name FROM public.migrations
$$;

REVOKE ALL ON FUNCTION applied_migrations() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION applied_migrations() TO cairn_login;

REVOKE ALL ON public.migrations FROM PUBLIC;
