import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { PageRequest } from '../core/page-request';
import { Database, Results, Statements } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import { sql } from '../database/statement';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import { PersonalTokenView } from './personal-token.dto';
import { PersonalToken, Scope } from './personal-token.entity';

/** The owner and the scopes of a personal access token. */
export interface TokenOwner {
  user_id: string;
  token_id: string;
  scopes: Scope[];
}

/** The current user's personal access tokens, without their secrets. */
@Exported({
  name: 'tokens',
  view: PersonalTokenView,
  description:
    'All personal access tokens, without the tokens themselves. Absent if the request uses a personal access token.',
  requiresSession: true,
})
@Injectable()
export class PersonalTokensRepository extends OwnedRepository<PageRequest> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: PersonalToken,
      name: 'token',
      fields: fieldsOf(PersonalTokenView),
      filters: {},
      sorts: { created_at: 'timestamp', expires_at: 'timestamp', name: 'text' },
    });
  }

  /** Finds the owner of a token and records its use. @returns undefined for an unknown or expired token */
  async use(tokenHash: Buffer): Promise<TokenOwner | undefined> {
    const text = `UPDATE personal_tokens SET last_used_at = now() WHERE token_hash = :token_hash AND expires_at > now()
      RETURNING user_id, id AS token_id, scopes`;
    const { rows } = await this.database.asAuthenticator({
      rows: sql<TokenOwner>(text, { token_hash: tokenHash }),
    });
    return rows[0];
  }

  /** Locks the account: otherwise a token that is created during a password reset would not be deleted by it. */
  protected override write<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.database.writeLockingAccount(statements);
  }
}
