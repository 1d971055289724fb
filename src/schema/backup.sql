-- The role cairn_backup reads everything, also where row-level security is forced, and writes nothing. pg_dump runs as this
-- role. The grants of a new table come from its migration; tables that the schema owner creates without one have them too.
GRANT USAGE ON SCHEMA public TO cairn_backup;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO cairn_backup;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO cairn_backup;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO cairn_backup;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO cairn_backup;
