/** A migration as the generator writes it. The statements come in the order in which they run. */
export interface Migration {
  up: string[];
  down: string[];
}

/** @param name in any notation: `AddNotes`, `add-notes`, `Add notes` */
export function migrationFile(
  name: string,
  timestamp: number,
  { up, down }: Migration,
): { fileName: string; text: string } {
  const words = name.match(/[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])/g) ?? [];
  if (!/^[a-z]/i.test(name) || words.length === 0) {
    throw new Error('A migration needs a name, such as: npm run migration:generate -- AddNotes');
  }
  const className = words.map((word) => word[0]!.toUpperCase() + word.slice(1).toLowerCase()).join('');
  return {
    fileName: `${timestamp}-${words.join('-').toLowerCase()}.ts`,
    text: `import { MigrationInterface, QueryRunner } from 'typeorm';

export class ${className}${timestamp} implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(up);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(down);
  }
}

const up = ${templateLiteral(up)};

const down = ${templateLiteral(down)};
`,
  };
}

function templateLiteral(statements: string[]): string {
  const sql = statements.map((statement) => `${statement};\n`).join('\n');
  return `\`\n${sql.replace(/[\\`]|\$\{/g, (special) => `\\${special}`)}\``;
}
