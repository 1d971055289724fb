-- The tasks of one user of a FastAPI service, as a document for `import-export`. Adapt the part between the lines to the
-- columns of your table. Run it with: psql "$OLD_DATABASE_URL" -qAt -v email=user@example.com -f moving-in-tasks.sql
SET TimeZone = 'UTC'; -- the time zone of columns of type `timestamp`
SET client_encoding = 'UTF8';

-- The same UUID (version 7) for the same row each time, so that the document can be imported again.
CREATE FUNCTION pg_temp.cairn_id(key text, created_at timestamptz) RETURNS uuid LANGUAGE sql AS $$
  SELECT (lpad(to_hex(floor(extract(epoch FROM created_at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3)
    || 'a' || substr(hash, 4, 15))::uuid FROM md5(key) hash
$$;

-- RFC 3339 in UTC, with milliseconds.
CREATE FUNCTION pg_temp.cairn_time(value timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

WITH task AS (
  ----------------------------------------------------------------------------------------------------------------------
  SELECT
    t.id::text AS key, -- an integer or a UUID
    t.title,
    t.description,
    CASE WHEN t.completed THEN 'completed' ELSE 'pending' END AS status, -- or: t.status
    3 AS priority, -- 1 (highest) to 5
    NULL::timestamptz AS due_date,
    NULL::timestamptz AS completed_at, -- by default, the time of the last update
    t.created_at::timestamptz AS created_at,
    t.updated_at::timestamptz AS updated_at
  FROM tasks t JOIN users u ON u.id = t.user_id
  WHERE u.email = :'email'
  ----------------------------------------------------------------------------------------------------------------------
)
SELECT json_build_object('tasks', coalesce(json_agg(json_build_object(
  'id', pg_temp.cairn_id('task ' || key, coalesce(created_at, 'epoch')),
  'title', title,
  'description', description,
  'status', status,
  'priority', priority,
  'due_date', pg_temp.cairn_time(due_date),
  'completed_at', CASE WHEN status = 'completed'
    THEN pg_temp.cairn_time(coalesce(completed_at, updated_at, created_at, now())) END,
  'created_at', pg_temp.cairn_time(coalesce(created_at, 'epoch')),
  'updated_at', pg_temp.cairn_time(coalesce(updated_at, created_at, 'epoch'))
) ORDER BY key), '[]')) FROM task;
