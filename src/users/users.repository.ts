import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import { sql } from '../database/statement';
import { currentUser } from '../http/current-user';
import { unauthorized } from '../http/problem';
import { UserView } from './user.dto';
import { User } from './user.entity';

/** The current user's own row. */
@Injectable()
export class UsersRepository extends OwnedRepository<object> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: User,
      name: 'user',
      missing: () => unauthorized('The account no longer exists.'),
      view: UserView,
      owner: 'users.id',
      filters: {},
      sorts: {},
    });
  }

  /** The hash is out of the user's own reach. @throws Problem 401 when the session is not alive */
  async passwordHash(): Promise<string> {
    const text = `SELECT u.password_hash FROM users u JOIN sessions s ON s.user_id = u.id
      WHERE u.id = :user_id AND u.is_active AND s.id = :session_id AND s.revoked_at IS NULL AND s.expires_at > now()`;
    const [row] = await this.database.asAuthenticator(sql(text, { ...currentUser() }));
    if (!row) throw unauthorized('The session has ended. Sign in again.');
    return row[0] as string;
  }
}
