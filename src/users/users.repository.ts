import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { unauthorized } from '../core/problem';
import { Database } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import { fieldsOf } from '../http/views';
import { UserView } from './user.dto';
import { User } from './user.entity';

/** The current user's own row. */
@Injectable()
export class UsersRepository extends OwnedRepository<object> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: User,
      name: 'user',
      fields: fieldsOf(UserView),
      ownerColumn: 'users.id',
      missing: () => unauthorized('The account no longer exists.'),
      filters: {},
      sorts: {},
    });
  }
}
