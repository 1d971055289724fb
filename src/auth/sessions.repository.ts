import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { PageRequest } from '../core/page-request';
import { currentUser } from '../core/request-context';
import { logSecurityEvent } from '../core/security-events';
import { Database } from '../database/database';
import { either } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import { SessionView } from './session.dto';
import { Session, sessionIsAliveSql } from './session.entity';

/** The current user's sessions. */
@Exported({
  name: 'sessions',
  view: SessionView,
  description:
    'All sessions, including expired and revoked ones. Absent if the request uses a personal access token.',
  requiresSession: true,
})
@Injectable()
export class SessionsRepository extends OwnedRepository<PageRequest & { alive?: true }> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Session,
      name: 'session',
      fields: fieldsOf(SessionView),
      derived: { current: 'sessions.id IS NOT DISTINCT FROM :session_id::uuid' },
      isReachableSql: sessionIsAliveSql,
      filters: { alive: either(sessionIsAliveSql, 'false') },
      sorts: { created_at: 'timestamp', last_used_at: 'timestamp' },
    });
  }

  /** @throws Problem 404 */
  async revoke(id: string): Promise<void> {
    const { rows } = await this.write({ rows: this.revocation('sessions.id = :id', { id }) });
    this.requireRow(rows);
    logSecurityEvent('session_revoked', { session_id: id });
  }

  /** Does nothing if the session was revoked in the meantime. */
  async revokeCurrent(): Promise<void> {
    await this.write({ rows: this.revocation('sessions.id = :session_id') });
    logSecurityEvent('session_revoked', { session_id: currentUser().sessionId ?? undefined });
  }

  async revokeOthers(): Promise<void> {
    await this.write({ rows: this.revocation('sessions.id <> :session_id') });
    logSecurityEvent('sessions_revoked');
  }

  private revocation(conditionSql: string, parameters: { id?: string } = {}) {
    const text = `UPDATE sessions SET revoked_at = now()
      WHERE user_id = :user_id AND ${conditionSql} AND ${sessionIsAliveSql} RETURNING id`;
    return this.sql(text, parameters);
  }
}
