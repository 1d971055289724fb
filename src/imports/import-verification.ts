import { ConfigError } from '../core/config';
import type { Database } from '../database/database';
import { batchesOf, sendAhead } from './batches';
import { Checksums } from './checksums';
import { entityOf, importedTables, ImportPlan } from './import-plan';
import type { ImportReport, OnProgress } from './import-report';
import * as rows from './import-rows';
import type { ImportTags } from './import-tags';
import type { SourceTable } from './source-rows';
import type { SqliteSource } from './sqlite-source';

/** A status that Cairn keeps when the source has another one. */
export interface KeptStatus {
  status: string;
  completed_at: string | null;
}

/** Compares what is stored with the source, which is read again, and remembers where each row came from. */
export class ImportVerification {
  constructor(
    private readonly database: Database,
    private readonly userId: string,
    private readonly source: SqliteSource,
    private readonly plan: ImportPlan,
    private readonly tags: ImportTags,
    /** By the id of the goal. */
    private readonly keptStatus: ReadonlyMap<string, KeptStatus>,
    private readonly report: ImportReport,
    private readonly onProgress: OnProgress,
  ) {}

  /**
   * @param before the rows of the account before the import
   * @throws ConfigError if Cairn would not store exactly what the source has
   */
  async run(before: rows.RowTotals): Promise<void> {
    const failures: string[] = [];
    for (const table of importedTables) {
      const { differences, differenceCount } = await this.compare(table);
      failures.push(...differences);
      const more = differenceCount - differences.length;
      if (more) failures.push(`… and ${more} more differences in ${table}`);
    }
    const { after } = await this.database.write({ after: rows.countRows(this.userId) });
    for (const table of importedTables) {
      const [added, created] = [after[0]![table] - before[table], this.plan.tables[table].created.length];
      if (added !== created)
        failures.push(`${created} ${table} were to be created, and the account has ${added} more`);
    }
    if (failures.length === 0) return;
    throw new ConfigError(
      `The verification found that Cairn would not store what the source has:\n- ${failures.join('\n- ')}`,
    );
  }

  private async compare(table: SourceTable): Promise<Checksums> {
    const { created, updated } = this.plan.tables[table];
    const checksums = new Checksums(table);
    const sourceIds = [...created, ...updated].sort((a, b) => a - b);
    const spots = new Set(
      [0, Math.floor(sourceIds.length / 2), sourceIds.length - 1].map((index) => sourceIds[index]),
    );
    const isCreated = new Set(created);
    const results = sendAhead(this.database, batchesOf(sourceIds), (batch) => this.statements(table, batch));
    for await (const [batch, { found }] of results) {
      const storedById = new Map(found.map(({ id, stored }) => [id, stored]));
      for (const [sourceId, { values, createdAt }, sourceRow] of this.source.rows(table, batch)) {
        const id = this.plan.idOf(table, sourceId);
        const expected = { ...this.expected(table, sourceId, id, values), id_time: createdAt };
        const stored = storedById.get(id);
        checksums.add(
          sourceId,
          expected,
          stored && comparable(expected, stored, id, isCreated.has(sourceId)),
        );
        if (spots.has(sourceId)) this.report.spotRows.push(spotText(table, sourceId, id, sourceRow, stored));
      }
      this.onProgress(`Verifying ${table}`, checksums.rowCount, sourceIds.length);
    }
    for (const digest of checksums.digests()) {
      this.report.checksums.push({ table, rows: checksums.rowCount, ...digest });
    }
    return checksums;
  }

  private statements(table: SourceTable, sourceIds: number[]) {
    const entity = entityOf[table];
    const remembered = sourceIds.map((sourceId) => {
      const { key, hash } = this.source.entries[table].get(sourceId)!;
      return { key, hash, id: this.plan.idOf(table, sourceId) };
    });
    const ids = remembered.map(({ id }) => id);
    return {
      found: rows.selectStored(this.userId, entity, ids),
      remembered: rows.rememberRows(this.userId, entity, remembered),
    };
  }

  /** The values that a row of the source has in Cairn. */
  private expected(
    table: SourceTable,
    sourceId: number,
    id: string,
    values: object,
  ): Record<string, unknown> {
    if (table === 'goals') {
      return {
        ...values,
        ...this.keptStatus.get(id),
        parent_goal_id: this.plan.goalParents.get(id) ?? null,
      };
    }
    const entry = this.source.entries.tasks.get(sourceId)!;
    const tagIds = this.tags.idsOf(entry);
    return {
      ...values,
      goal_id: this.plan.goalOf(entry),
      tag_names: this.tags.namesOf(tagIds),
      tags: tagIds.sort(),
      depends_on: [...this.plan.dependenciesOf(id)].sort(),
    };
  }
}

/**
 * The stored values, and the time in the id. Not compared is what an import does not write: progress that Cairn has
 * computed because the source has none, and the time of creation of a row that existed.
 */
function comparable(
  expected: Record<string, unknown>,
  stored: rows.Stored,
  id: string,
  isCreated: boolean,
): Record<string, unknown> {
  const idTime = parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  const { created_at, id_time, progress } = expected;
  return {
    ...stored,
    id_time: idTime,
    ...(!isCreated && { created_at, id_time }),
    ...(progress === null && { progress }),
  };
}

/** The times of a row, before and after: the part of an import that is easiest to get wrong. */
function spotText(
  table: SourceTable,
  sourceId: number,
  id: string,
  sourceRow: Record<string, unknown>,
  stored: rows.Stored | undefined,
): string {
  const columns =
    table === 'goals'
      ? ['status', 'created_at', 'target_date']
      : ['status', 'created_at', 'due_date', 'completed_at'];
  const values = columns.map(
    (column) => `${column} ${String(sourceRow[column])} → ${String(stored?.[column])}`,
  );
  return `${table} ${sourceId} → ${id}: ${values.join(', ')}`;
}
