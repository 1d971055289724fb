CREATE UNIQUE INDEX tags_name_key ON tags (user_id, lower(name));

CREATE TRIGGER tags_3_version BEFORE UPDATE ON tags
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION increment_version();
CREATE TRIGGER tags_4_quota AFTER INSERT ON tags REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_rows();

ALTER TABLE tags ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON tags TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON tags FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (name, color) ON tags TO cairn_app;

ALTER TABLE task_tags ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON task_tags TO cairn_app
  USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));

REVOKE ALL ON task_tags FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON task_tags TO cairn_app;
