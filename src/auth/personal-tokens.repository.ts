import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database, Row } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import type { PageRequest } from '../database/keyset';
import { sql, Statement } from '../database/statement';
import { PersonalTokenView } from './personal-token.dto';
import { PersonalToken, Scope } from './personal-token.entity';

/** The current user's personal tokens, but not the secrets. */
@Injectable()
export class PersonalTokensRepository extends OwnedRepository<PageRequest> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: PersonalToken,
      name: 'token',
      view: PersonalTokenView,
      filters: {},
      sorts: { created_at: 'moment', expires_at: 'moment', name: 'text' },
    });
  }

  /** Whose personal token it is, noting that it is used. Undefined for one that is not known, or has expired. */
  async use(token_hash: Buffer): Promise<{ user_id: string; token_id: string; scopes: Scope[] } | undefined> {
    const text = `UPDATE personal_tokens SET last_used_at = now() WHERE token_hash = :token_hash AND expires_at > now()
      RETURNING user_id, id, scopes`;
    const [[row] = []] = await this.database.asAuthenticator(sql(text, { token_hash }));
    if (!row) return undefined;
    const [user_id, token_id, scopes] = row as [string, string, Scope[]];
    return { user_id, token_id, scopes };
  }

  /** None is made beside a reset of the password, which ends those that there are. */
  protected override write(...statements: Statement[]): Promise<Row[][]> {
    return this.database.writeBeforeChanges(...statements);
  }
}
