import type { JsonText } from '../core/json-text';
import { OwnedRepository } from './owned.repository';

/** Rows that are moved to a trash, where the purge deletes them later. Their table has a column `deleted_at`. */
export abstract class TrashRepository<Query> extends OwnedRepository<Query> {
  /** @throws Problem 404 unless there is such a row outside of the trash */
  abstract moveToTrash(id: string): Promise<void>;

  /** @throws Problem 404 unless there is such a row in the trash */
  abstract restore(id: string): Promise<JsonText>;
}
