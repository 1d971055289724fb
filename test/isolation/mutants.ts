import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dataFolder } from '../../src/config';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres';
import { copyTree } from '../setup/project-copy';

/*
 * Takes the walls down one by one, and runs the tests that look at them: `isolation` tries the API as another user,
 * `walls` looks at the database and at the wire. Each mutant lives in a copy of the tree; the tree itself is not touched.
 */
interface Mutant {
  name: string;
  file: string;
  replace: [from: string, to: string][];
  /** Whether a row crosses: whether the tests that try the API as another user fail. */
  crosses: boolean;
}

const mutants: Mutant[] = [
  {
    name: 'none: the tree as it is',
    file: 'src/database/owned.repository.ts',
    replace: [],
    crosses: false,
  },
  {
    name: 'the repository forgets the owner',
    file: 'src/database/owned.repository.ts',
    replace: [['`${this.rows.owner ?? `${this.table}.user_id`} = :user_id`', `'true'`]],
    crosses: false,
  },
  {
    name: 'the tables have no policies',
    file: 'src/database/migrations/1795222800000-walls.ts',
    replace: [['ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', 'NO FORCE ROW LEVEL SECURITY']],
    crosses: false,
  },
  {
    name: 'a foreign key is without user_id',
    file: 'src/database/migrations/1795219200000-schema.ts',
    replace: [
      [
        'CONSTRAINT goals_pkey PRIMARY KEY (user_id, id),',
        'CONSTRAINT goals_pkey PRIMARY KEY (user_id, id), UNIQUE (id),',
      ],
      ['FOREIGN KEY (user_id, goal_id)', 'FOREIGN KEY (goal_id)'],
      [
        'REFERENCES goals (user_id, id) ON DELETE SET NULL (goal_id)',
        'REFERENCES goals (id) ON DELETE SET NULL',
      ],
    ],
    crosses: true,
  },
  {
    name: 'the guard opens every route',
    file: 'src/auth/current-user.guard.ts',
    replace: [['Promise<boolean> {', 'Promise<boolean> {\n    if (context) return true;']],
    crosses: true,
  },
];

const suites = {
  isolation: 'test/isolation/isolation.e2e-spec.ts',
  walls: 'test/database/row-level-security.e2e-spec.ts',
} as const;

async function main(): Promise<void> {
  const server = await startEmbeddedPostgres(join(dataFolder, 'mutants-postgres'), [
    'fsync=off',
    'max_connections=200',
  ]);
  let survivors = 0;
  for (const [index, mutant] of mutants.entries()) {
    const { isolation, walls } = tryMutant(mutant, server);
    const isNoticed = index === 0 ? isolation && walls : !isolation || !walls;
    const isAsExpected = isNoticed && isolation !== mutant.crosses;
    if (!isAsExpected) survivors++;
    const said =
      index === 0 ? 'all tests pass' : isolation ? 'no row crosses, and a test notices' : 'a test fails';
    process.stdout.write(
      `${isAsExpected ? 'ok' : 'NOT OK'}  ${mutant.name}: ${isAsExpected ? said : JSON.stringify({ isolation, walls })}\n`,
    );
  }
  process.exit(survivors ? 1 : 0);
}

/** Whether each suite passes on the mutant. */
function tryMutant({ file, replace }: Mutant, server: string): Record<keyof typeof suites, boolean> {
  const copy = copyTree();
  try {
    const source = readFileSync(join(copy, file), 'utf8');
    const mutated = replace.reduce((text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${file} has changed: it does not contain ${from}`);
      return text.replaceAll(from, to);
    }, source);
    writeFileSync(join(copy, file), mutated);
    return runSuites(copy, server);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function runSuites(folder: string, server: string): Record<keyof typeof suites, boolean> {
  const jest = join(dirname(require.resolve('jest/package.json')), 'bin/jest.js');
  const report = join(folder, 'report.json');
  const { stderr } = spawnSync('node', [jest, ...Object.values(suites), '--json', '--outputFile', report], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, TEST_DATABASE_URL: server },
  });
  const { testResults, numTotalTests } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; status: string }[];
    numTotalTests: number;
  };
  if (numTotalTests === 0) throw new Error(`No test ran: ${stderr}`);
  const passes = (path: string) => testResults.find(({ name }) => name.endsWith(path))?.status === 'passed';
  return { isolation: passes(suites.isolation), walls: passes(suites.walls) };
}

void main();
