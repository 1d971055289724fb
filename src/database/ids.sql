-- A UUID version 7: the milliseconds since 1970 in 48 bits, then random bits. The default of ids, for rows that are
-- inserted by hand: the application sends its own. (uuidv7() exists from PostgreSQL 18 on.)
-- A random UUID has version 4; setting two more bits makes it 7. The variant is the same.
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1),
    52, 1), 53, 1), 'hex')::uuid;

REVOKE ALL ON FUNCTION new_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION new_id() TO cairn_app, cairn_auth, cairn_admin;
