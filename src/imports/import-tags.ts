import { v7 as uuidv7 } from 'uuid';
import type { Config } from '../core/config';
import type { Database } from '../database/database';
import { refuseAboveQuota } from './import-quotas';
import type { ImportReport } from './import-report';
import * as rows from './import-rows';
import type { SourceEntry } from './sqlite-source';

/** The tags of an import: names of the source that differ only in case are one tag. */
export class ImportTags {
  /** The id in Cairn of each tag by its name in the source; absent for tags that were deleted in Cairn. */
  private readonly ids = new Map<string, string>();
  private names = new Map<string, { name: string; position: number }>();

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly userId: string,
    private readonly report: ImportReport,
  ) {}

  /** Finds the tags with these names, and creates those that do not exist. @param existingCount of the account */
  async write(names: Set<string>, existingCount: number): Promise<void> {
    if (names.size === 0) return;
    const missing = (await this.resolve(names))
      .filter((tag) => tag.tag_id === null && !tag.is_deleted)
      .map(({ name }) => name);
    const newCount = new Set(missing.map((name) => name.toLowerCase())).size;
    refuseAboveQuota(this.config, 'tags', existingCount + newCount, 'The account would have');
    const newIds = missing.map(() => uuidv7());
    await this.database.write({ tags: rows.insertTags(this.userId, missing, newIds) });
    const spellings = new Map<string, string[]>();
    for (const { name, tag_id } of await this.resolve(names)) {
      if (tag_id === null) {
        this.report.remark('deleted', `tag ${name}: it was deleted in Cairn`);
        continue;
      }
      this.ids.set(name, tag_id);
      spellings.set(tag_id, [...(spellings.get(tag_id) ?? []), name]);
    }
    for (const same of spellings.values()) {
      if (same.length > 1) this.report.remark('tags', `tags ${same.join(', ')} → one tag`);
    }
    const { stored } = await this.database.write({
      remembered: rows.rememberTags(this.userId, [...this.ids.keys()], [...this.ids.values()]),
      stored: rows.selectTagNames(this.userId, [...spellings.keys()]),
    });
    this.names = new Map(stored.map(({ id, name }, position) => [id, { name, position }]));
  }

  /** The ids of the tags of a task. */
  idsOf({ tags }: SourceEntry): string[] {
    return [...new Set(tags.flatMap((name) => this.ids.get(name) ?? []))];
  }

  /** The names of these tags, in the order in which tasks store them. */
  namesOf(ids: readonly string[]): string[] {
    return ids
      .map((id) => this.names.get(id)!)
      .sort((a, b) => a.position - b.position)
      .map(({ name }) => name);
  }

  private async resolve(names: Set<string>): Promise<rows.ResolvedTag[]> {
    const { tags } = await this.database.write({ tags: rows.resolveTags(this.userId, [...names]) });
    return tags;
  }
}
