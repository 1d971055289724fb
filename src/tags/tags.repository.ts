import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import type { PageRequest } from '../database/keyset';
import { sql } from '../database/statement';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { TagView } from './tag.dto';
import { Tag } from './tag.entity';

/** The other tags of that name, once this tag has it; where this tag is the user's. */
const others = `SELECT g.id FROM tags g WHERE g.user_id = :user_id AND lower(g.name) = lower(:name) AND g.id <> :id
  AND EXISTS (SELECT FROM tags WHERE user_id = :user_id AND id = :id)`;

@Injectable()
export class TagsRepository extends OwnedRepository<PageRequest> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Tag,
      name: 'tag',
      view: TagView,
      derived: {
        task_count: `(SELECT count(*) FROM task_tags l JOIN tasks t ON t.user_id = l.user_id AND t.id = l.task_id
          WHERE l.user_id = tags.user_id AND l.tag_id = tags.id AND t.deleted_at IS NULL)`,
      },
      filters: {},
      sorts: { name: 'text', created_at: 'moment' },
    });
  }

  /** Gives it another name. Another tag of that name becomes one with it. @throws Problem 404 */
  async rename(id: string, name: string, changes: object): Promise<JsonText> {
    const values = { id, name, user_id: currentUser().user_id };
    const move = `INSERT INTO task_tags (user_id, task_id, tag_id)
      SELECT user_id, task_id, :id FROM task_tags WHERE user_id = :user_id AND tag_id IN (${others}) ON CONFLICT DO NOTHING`;
    const unlink = `DELETE FROM task_tags WHERE user_id = :user_id AND tag_id IN (${others})`;
    const remove = `DELETE FROM tags WHERE user_id = :user_id AND id IN (${others})`;
    const [, , , rows = []] = await this.write(
      sql(move, values),
      sql(unlink, values),
      sql(remove, values),
      this.alteration(id, { ...changes, name }),
      sql(writeNames(), values),
    );
    return this.one(rows);
  }

  /** Takes it from all tasks. @throws Problem 404 */
  override async remove(id: string): Promise<void> {
    const values = { id, user_id: currentUser().user_id };
    const [, , rows = []] = await this.write(
      sql(writeNames('AND g.id <> :id'), values),
      sql('DELETE FROM task_tags WHERE user_id = :user_id AND tag_id = :id', values),
      sql('DELETE FROM tags WHERE user_id = :user_id AND id = :id RETURNING id', values),
    );
    this.one(rows);
  }
}

/** Writes into the tasks that have this tag the names of their tags: of those that are kept. */
function writeNames(kept = ''): string {
  return `
    UPDATE tasks SET tags = now_called.names
    FROM (
      SELECT l.task_id, coalesce(array_agg(g.name ORDER BY lower(g.name)) FILTER (WHERE g.id IS NOT NULL), '{}') AS names
      FROM task_tags l LEFT JOIN tags g ON g.user_id = l.user_id AND g.id = l.tag_id ${kept}
      WHERE l.user_id = :user_id AND l.task_id IN (SELECT task_id FROM task_tags WHERE user_id = :user_id AND tag_id = :id)
      GROUP BY l.task_id
    ) now_called
    WHERE tasks.user_id = :user_id AND tasks.id = now_called.task_id AND tasks.tags <> now_called.names`;
}
