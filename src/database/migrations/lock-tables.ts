/**
 * SQL that takes tables for the rest of a migration, so that what comes next waits for nobody, and no request waits for
 * half of it. It waits 300 ms at a time: longer, and all requests would queue up behind it.
 */
export function lockTables(...tables: string[]): string {
  return `
    SET LOCAL lock_timeout = '300ms';
    DO $$
    BEGIN
      FOR attempt IN 1 .. 100 LOOP
        BEGIN
          LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE;
          RETURN;
        EXCEPTION
          WHEN lock_not_available OR deadlock_detected THEN PERFORM pg_sleep(0.1);
        END;
      END LOOP;
      RAISE EXCEPTION 'The tables ${tables.join(', ')} are in use. Run this again.';
    END $$;`;
}
