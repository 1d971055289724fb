import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import { sql } from '../database/statement';
import { currentUser } from '../http/current-user';
import { UserView } from './user.dto';
import { User } from './user.entity';

/** The current user's own row. */
@Injectable()
export class UsersRepository extends OwnedRepository<object> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: User,
      name: 'user',
      view: UserView,
      owner: 'users.id',
      filters: {},
      sorts: {},
    });
  }

  async passwordHash(): Promise<string | undefined> {
    const { user_id } = currentUser();
    const [rows] = await this.database.read(
      sql('SELECT password_hash FROM users WHERE id = :user_id', { user_id }),
    );
    return rows?.[0]?.[0] as string | undefined;
  }
}
