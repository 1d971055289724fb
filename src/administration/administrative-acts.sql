ALTER TABLE administrative_acts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY administrator ON administrative_acts TO cairn_admin USING (true) WITH CHECK (true);
-- The operator reads the record as the schema owner, who runs the migrations.
CREATE POLICY operator ON administrative_acts FOR SELECT TO CURRENT_USER USING (true);

REVOKE ALL ON administrative_acts FROM PUBLIC;
-- The record is append-only: administrators can neither read nor change it.
GRANT INSERT ON administrative_acts TO cairn_admin;
