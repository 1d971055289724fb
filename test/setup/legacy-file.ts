import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from 'node-sqlite3-wasm';

type Value = string | number | null;

/** Columns as SQLAlchemy declares them. A test may leave out some, as older versions of the planner did. */
const declarations = {
  goals: {
    id: 'INTEGER NOT NULL PRIMARY KEY',
    title: 'VARCHAR(500)',
    description: 'TEXT',
    horizon: 'VARCHAR(9)',
    target_date: 'DATETIME',
    status: 'VARCHAR(9)',
    progress_percentage: 'FLOAT',
    success_criteria: 'TEXT',
    parent_goal_id: 'INTEGER',
    created_at: 'DATETIME',
    updated_at: 'DATETIME',
    metrics: 'JSON',
    project_name: 'VARCHAR(200)',
    repository_path: 'VARCHAR(500)',
  },
  tasks: {
    id: 'INTEGER NOT NULL PRIMARY KEY',
    title: 'VARCHAR(500)',
    description: 'TEXT',
    priority: 'INTEGER',
    status: 'VARCHAR(11)',
    category: 'VARCHAR(100)',
    estimated_hours: 'FLOAT',
    actual_hours: 'FLOAT',
    due_date: 'DATETIME',
    created_at: 'DATETIME',
    completed_at: 'DATETIME',
    parent_goal_id: 'INTEGER',
    dependencies: 'JSON',
    notes: 'TEXT',
    tags: 'JSON',
    project_name: 'VARCHAR(200)',
    repository_path: 'VARCHAR(500)',
  },
} as const;

/** The values that the planner filled in. */
const defaults = {
  goals: {
    title: 'A goal',
    status: 'active',
    progress_percentage: 0,
    created_at: '2025-01-01 00:00:00.000000',
  },
  tasks: { title: 'A task', status: 'pending', priority: 3, created_at: '2025-01-01 00:00:00.000000' },
};

/** An SQLite file of the single-user planner. */
export class LegacyFile {
  readonly path: string;

  constructor(without: string[] = [], folder = mkdtempSync(join(tmpdir(), 'cairn-legacy-'))) {
    this.path = join(folder, 'tasks.db');
    for (const [table, columns] of Object.entries(declarations)) {
      const kept = Object.entries(columns).filter(([column]) => !without.includes(column));
      this.run(`CREATE TABLE ${table} (${kept.map(([column, type]) => `${column} ${type}`).join(', ')})`);
    }
  }

  /** A path beside the file. */
  beside(name: string): string {
    return join(this.path, '..', name);
  }

  /** The id is chosen by SQLite unless it is given. */
  add(table: keyof typeof declarations, values: Record<string, Value>): void {
    const row = { ...defaults[table], ...values };
    const columns = Object.keys(row);
    this.run(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      Object.values(row),
    );
  }

  run(sql: string, values: Value[] = []): void {
    this.with((database) => database.run(sql, values));
  }

  with<T>(work: (database: Database) => T): T {
    const database = new Database(this.path);
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
}
