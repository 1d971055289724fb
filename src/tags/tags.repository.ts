import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { JsonText } from '../core/json-text';
import type { PageRequest } from '../core/page-request';
import { Database, Statements } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import type { Statement } from '../database/statement';
import { SqlValue } from '../database/table.repository';
import { clearFlag, setFlag } from '../database/transaction-flags';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import { TagView } from './tag.dto';
import { Tag } from './tag.entity';

/** SQL of the ids of the user's tags with these names, ignoring case. */
const tagsByNameSql = `SELECT g.id FROM tags g
  WHERE g.user_id = :user_id AND lower(g.name) IN (SELECT lower(n) FROM unnest(:tags::text[]) n)`;

/** Condition for statements on the tags of a task: without the task, they change nothing. */
const taskExistsSql =
  'EXISTS (SELECT FROM tasks WHERE user_id = :user_id AND id = :task_id AND deleted_at IS NULL)';

/** SQL of the ids of other tags that have the new name of a tag. */
const tagsToMergeSql = `SELECT g.id FROM tags g WHERE g.user_id = :user_id AND lower(g.name) = lower(:name) AND g.id <> :id
  AND EXISTS (SELECT FROM tags WHERE user_id = :user_id AND id = :id)`;

/**
 * SQL of the number of tasks with a tag, without those in the trash. PostgreSQL puts the ids of the trash into a hash table
 * once per statement. A join would look up each task of each tag.
 */
const taskCountSql = `(
  SELECT count(*) FILTER (
    WHERE l.task_id NOT IN (SELECT t.id FROM tasks t WHERE t.user_id = :user_id AND t.deleted_at IS NOT NULL)
  ) FROM task_tags l WHERE l.user_id = tags.user_id AND l.tag_id = tags.id
)`;

/** The user's tags, their links to tasks, and the copy of their names in `tasks.tags`. */
@Exported({ name: 'tags', view: TagView, description: 'All tags.' })
@Injectable()
export class TagsRepository extends OwnedRepository<PageRequest> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Tag,
      name: 'tag',
      fields: fieldsOf(TagView),
      derived: {
        task_count: taskCountSql,
      },
      filters: {},
      sorts: { name: 'text', created_at: 'timestamp' },
    });
  }

  /** Renames a tag. Another tag with that name is merged into it. @throws Problem 404 */
  async rename(id: string, name: string, values: object): Promise<JsonText> {
    const moveLinksSql = `INSERT INTO task_tags (user_id, task_id, tag_id)
      SELECT user_id, task_id, :id FROM task_tags
      WHERE user_id = :user_id AND tag_id IN (${tagsToMergeSql}) ON CONFLICT DO NOTHING`;
    const deleteLinksSql = `DELETE FROM task_tags WHERE user_id = :user_id AND tag_id IN (${tagsToMergeSql})`;
    const deleteTagsSql = `DELETE FROM tags WHERE user_id = :user_id AND id IN (${tagsToMergeSql})`;
    const { rows } = await this.write({
      moveLinks: this.sql(moveLinksSql, { id, name }),
      deleteLinks: this.sql(deleteLinksSql, { id, name }),
      deleteTags: this.sql(deleteTagsSql, { id, name }),
      rows: this.updateStatement(id, { ...values, name }),
      ...this.copyNames(id, 'true'),
    });
    return this.single(rows);
  }

  /** Deletes a tag and removes it from all tasks. @throws Problem 404 */
  override async delete(id: string): Promise<void> {
    const { rows } = await this.write({
      ...this.copyNames(id, 'g.id <> :id'),
      deleteLinks: this.sql('DELETE FROM task_tags WHERE user_id = :user_id AND tag_id = :id', { id }),
      rows: this.deleteStatement(id),
    });
    this.requireRow(rows);
  }

  /** Creates the tags that do not exist. @param taskId a task that must exist, unless it is created in the same transaction */
  createMissing(tags: string[], taskId?: string): Statement {
    const text = `INSERT INTO tags (user_id, id, name)
      SELECT DISTINCT ON (lower(n.name)) :user_id::uuid, n.id, n.name
      FROM unnest(:tags::text[], :tag_ids::uuid[]) n (name, id)
      WHERE NOT EXISTS (SELECT FROM tags g WHERE g.user_id = :user_id AND lower(g.name) = lower(n.name))`;
    const guardedText = taskId === undefined ? text : `${text} AND ${taskExistsSql}`;
    return this.sql(guardedText, { tags, tag_ids: tags.map(() => uuidv7()), task_id: taskId });
  }

  /** Links a task to tags that exist. */
  link(taskId: string, tags: string[]): Statement {
    const text = `INSERT INTO task_tags (user_id, task_id, tag_id)
      SELECT :user_id::uuid, :task_id::uuid, g.id FROM (${tagsByNameSql}) g WHERE ${taskExistsSql} ON CONFLICT DO NOTHING`;
    return this.sql(text, { tags, task_id: taskId });
  }

  /** Unlinks a task from all tags but these. */
  unlinkOthers(taskId: string, tags: string[]): Statement {
    const text = `DELETE FROM task_tags
      WHERE user_id = :user_id AND task_id = :task_id AND tag_id NOT IN (${tagsByNameSql}) AND ${taskExistsSql}`;
    return this.sql(text, { tags, task_id: taskId });
  }

  /**
   * Statements that copy tag names into the tasks that have the tag. Several, so that each is short even if all tasks of the
   * user have it.
   * @param isKeptSql condition for the tags `g` to copy
   */
  private copyNames(id: string, isKeptSql: string): Statements {
    const text = copyNamesSql(isKeptSql);
    const parts = Array.from({ length: copyParts }, (_, part) => this.sql(text, { id, part }));
    return {
      setFlag: setFlag('copying_tag_names', 'true'),
      ...Object.fromEntries(parts.map((statement, part) => [`copyNames${part}`, statement])),
      clearFlag: clearFlag('copying_tag_names'),
    };
  }

  /** The value of `tasks.tags`: the names as they are stored in `tags`. */
  namesAsStored(tags: string[]): SqlValue {
    const namesSql = `(SELECT coalesce(array_agg(g.name ORDER BY lower(g.name)), '{}') FROM tags g
      WHERE g.id IN (${tagsByNameSql}) AND g.user_id = :user_id)`;
    return new SqlValue(namesSql, { tags });
  }
}

/** In how many parts the tasks of a tag are updated. */
const copyParts = 8;

/**
 * SQL that copies tag names into those tasks with the tag `:id` that belong to the part `:part`. The array and the subquery
 * for each task have the same plan for one task and for all tasks of a user.
 */
function copyNamesSql(isKeptSql: string): string {
  return `
    UPDATE tasks SET tags = (
      SELECT coalesce(array_agg(g.name ORDER BY lower(g.name)), '{}')
      FROM task_tags l JOIN tags g ON g.user_id = l.user_id AND g.id = l.tag_id
      WHERE l.user_id = tasks.user_id AND l.task_id = tasks.id AND ${isKeptSql}
    )
    WHERE user_id = :user_id AND id = ANY (ARRAY(
      SELECT task_id FROM task_tags
      WHERE user_id = :user_id AND tag_id = :id AND get_byte(uuid_send(task_id), 15) % ${copyParts} = :part::integer
    ))`;
}
