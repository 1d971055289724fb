import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database } from '../database/database';
import { flag } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import { Expression } from '../database/table.repository';
import type { PageRequest } from '../database/keyset';
import { SessionView } from './session.dto';
import { isAlive, Session } from './session.entity';

/** The current user's sessions. */
@Injectable()
export class SessionsRepository extends OwnedRepository<PageRequest & { alive?: true }> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Session,
      name: 'session',
      view: SessionView,
      derived: { current: 'sessions.id IS NOT DISTINCT FROM :session_id::uuid' },
      live: isAlive,
      filters: { alive: flag(isAlive, 'false') },
      sorts: { created_at: 'moment', last_used_at: 'moment' },
    });
  }

  /** @throws Problem 404 */
  async revoke(id: string): Promise<void> {
    await this.update(id, { revoked_at: new Expression('now()') });
  }

  /** Several at once may: it is not a mistake to sign out of a session that has just ended. */
  revokeCurrent(): Promise<void> {
    return this.updateAll(
      { revoked_at: new Expression('now()') },
      `sessions.id = :session_id AND ${isAlive}`,
    );
  }

  revokeOthers(): Promise<void> {
    return this.updateAll(
      { revoked_at: new Expression('now()') },
      `sessions.id <> :session_id AND ${isAlive}`,
    );
  }
}
