-- Counts hits against several limits, in their order, and stops at the first limit that refuses; a refused hit is not
-- counted. A limit allows `quota` hits per window. Without a longest wait, further hits are refused until the window
-- ends. With a longest wait, they are refused for 1, 2, 4, … seconds up to that wait, and one hit is allowed after each
-- wait; the count is reset when one window passes without a hit.
CREATE FUNCTION count_hits(keys text[], quotas integer[], windows integer[], longest_waits integer[], new_hits integer)
  RETURNS TABLE (is_allowed boolean, used integer, seconds integer) LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
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

REVOKE ALL ON FUNCTION count_hits(text[], integer[], integer[], integer[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_hits(text[], integer[], integer[], integer[], integer) TO cairn_auth;

ALTER TABLE rate_limits ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY authenticator ON rate_limits TO cairn_auth USING (true) WITH CHECK (true);

REVOKE ALL ON rate_limits FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (hits, free_at, resets_at) ON rate_limits TO cairn_auth;
