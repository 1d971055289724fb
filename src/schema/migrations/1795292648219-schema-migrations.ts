import { MigrationInterface, QueryRunner } from 'typeorm';

export class SchemaMigrations1795292648219 implements MigrationInterface {
  readonly compatibleWith = 'CloseAccounts1795289780026';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = `
CREATE OR REPLACE FUNCTION schema_migrations()
 RETURNS TABLE(name character varying, compatible_with text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  SELECT name, compatible_with FROM public.migrations
$function$;

REVOKE EXECUTE ON FUNCTION schema_migrations() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION schema_migrations() TO cairn_login;
`;

const down = `
DROP FUNCTION schema_migrations();
`;
