import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LegacyFile } from '../test/setup/legacy-file';
import { addAccounts, fill } from './harness/data';
import { createDatabase } from './harness/database';
import { finish, print } from './harness/print';
import { peakMegabytes } from './harness/processes';
import { jwtSecret } from './harness/servers';

/*
 * The import of an SQLite file with many tasks, as the compiled command: its time and its peak memory, for the first import
 * and for a second one without changes: npm run bench:import -- [tasks] [goals] [characters of a description]
 */
const [tasks = 100_000, goals = 1000, length = 500] = process.argv.slice(2).map(Number);

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await createDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-'));
  const file = new LegacyFile([], folder);
  writeTasks(file);
  print(`${tasks} tasks, ${goals} goals, ${Math.round(statSync(file.path).size / 1e6)} MB of SQLite`);
  await fill(superuserUrl, (client) => addAccounts(client, ['bench@example.com']));
  for (const name of ['first import', 'second import']) {
    const start = performance.now();
    const peak = await run(file.path, databaseUrl);
    print(name, `${((performance.now() - start) / 1000).toFixed(1)} s`, `peak ${peak} MB`);
  }
  rmSync(folder, { recursive: true });
  finish();
}

function writeTasks(file: LegacyFile): void {
  file.with((database) => {
    database.exec('BEGIN');
    const time = (n: number) =>
      new Date(Date.UTC(2022, 0, 1) + n * 900_000).toISOString().replace('T', ' ').replace('Z', '000');
    for (let id = 1; id <= goals; id++) {
      database.run(
        `INSERT INTO goals (id, title, status, progress_percentage, parent_goal_id, created_at) VALUES (?, ?, 'active', ?, ?, ?)`,
        [id, `Goal ${id}`, id % 100, id > 10 ? Math.ceil(id / 10) : null, time(id)],
      );
    }
    const insert = database.prepare(
      `INSERT INTO tasks (id, title, description, priority, status, category, estimated_hours, due_date, created_at,
         completed_at, parent_goal_id, dependencies, notes, tags, project_name)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'Project')`,
    );
    const description = 'Lorem ipsum dolor sit amet. '.repeat(length / 28);
    for (let id = 1; id <= tasks; id++) {
      const isCompleted = id % 3 !== 0;
      insert.run([
        id,
        `Task ${id}`,
        description,
        1 + (id % 5),
        isCompleted ? 'completed' : 'pending',
        `category ${id % 20}`,
        id % 8,
        time(id + 100),
        time(id),
        isCompleted ? time(id + 50) : null,
        1 + (id % goals),
        id % 3 === 1 && id > 10 ? JSON.stringify([id - 1, id - 10]) : 'null',
        id % 7 === 0 ? '[BLOCKED] Waiting.' : null,
        JSON.stringify([`tag ${id % 100}`, `Tag ${id % 70}`]),
      ]);
    }
    insert.finalize();
    database.exec('COMMIT');
  });
}

/** @returns the peak of the resident memory in MB */
async function run(file: string, databaseUrl: string): Promise<number> {
  const args = ['--file', file, '--owner', 'bench@example.com', '--timezone', 'America/Los_Angeles'];
  const report = ['--report', join(file, '..', 'report.md')];
  const child = spawn('node', [join(__dirname, '../dist/cli.js'), 'import-sqlite', ...args, ...report], {
    env: { ...process.env, DATABASE_URL: databaseUrl, JWT_SECRET_KEY: jwtSecret },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakMegabytes(child.pid!));
  }, 50);
  const code = await new Promise((resolve) => child.on('exit', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`The import ended with ${String(code)}.`);
  return peak;
}

void main();
