import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { embeddedServer } from '../setup/server';
import { copyProject } from '../setup/project-copy';

/*
 * Disables the mechanisms that isolate users one by one, and runs the tests that must notice it: `isolation` calls the
 * API as another user, `row-level-security` checks the database and the statements. Each mutant is a changed copy of the
 * project.
 */
interface Mutant {
  name: string;
  file: string;
  replace: [from: string, to: string][];
  /** Whether a user can then reach rows of another user: whether the isolation test fails. */
  exposesRows: boolean;
}

const mutants: Mutant[] = [
  {
    name: 'none: the project without a change',
    file: 'src/database/owned.repository.ts',
    replace: [],
    exposesRows: false,
  },
  {
    name: 'the repository omits the owner',
    file: 'src/database/owned.repository.ts',
    replace: [['`${this.options.ownerColumn ?? `${this.table}.user_id`} = :user_id`', `'true'`]],
    exposesRows: false,
  },
  {
    name: 'the tables have no policies',
    file: 'src/schema/migrations/1795276800000-baseline.ts',
    replace: [['ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', 'NO FORCE ROW LEVEL SECURITY']],
    exposesRows: false,
  },
  {
    name: 'a foreign key lacks user_id',
    file: 'src/schema/migrations/1795276800000-baseline.ts',
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
    exposesRows: true,
  },
  {
    name: 'the guard makes every route public',
    file: 'src/auth/current-user.guard.ts',
    replace: [['Promise<boolean> {', 'Promise<boolean> {\n    if (context) return true;']],
    exposesRows: true,
  },
];

const suites = {
  isolation: 'test/isolation/isolation.e2e-spec.ts',
  rowLevelSecurity: 'test/database/row-level-security.e2e-spec.ts',
} as const;

async function main(): Promise<void> {
  const server = await embeddedServer('mutants-postgres', ['fsync=off', 'max_connections=200']);
  let unexpected = 0;
  for (const [index, mutant] of mutants.entries()) {
    const passes = testMutant(mutant, server);
    const isNoticed =
      index === 0
        ? passes.isolation && passes.rowLevelSecurity
        : !passes.isolation || !passes.rowLevelSecurity;
    const isAsExpected = isNoticed && passes.isolation !== mutant.exposesRows;
    if (!isAsExpected) unexpected++;
    const result =
      index === 0
        ? 'all tests pass'
        : passes.isolation
          ? 'users stay isolated, and a test fails'
          : 'the isolation test fails';
    process.stdout.write(
      `${isAsExpected ? 'ok' : 'NOT OK'}  ${mutant.name}: ${isAsExpected ? result : JSON.stringify(passes)}\n`,
    );
  }
  process.exit(unexpected ? 1 : 0);
}

/** Whether each suite passes on the mutant. */
function testMutant({ file, replace }: Mutant, server: string): Record<keyof typeof suites, boolean> {
  const copy = copyProject();
  try {
    const source = readFileSync(join(copy, file), 'utf8');
    const mutated = replace.reduce((text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${file} does not contain ${from}. Update the mutant.`);
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
  if (numTotalTests === 0) throw new Error(`No tests ran: ${stderr}`);
  const passes = (path: string) => testResults.find(({ name }) => name.endsWith(path))?.status === 'passed';
  return { isolation: passes(suites.isolation), rowLevelSecurity: passes(suites.rowLevelSecurity) };
}

void main();
