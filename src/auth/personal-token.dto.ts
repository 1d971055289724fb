import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { Moment, readSort, Sort, Text, WordSet } from '../http/fields';
import { Identified } from '../http/owned-view';
import { PageQuery, pageOf } from '../http/page-query';
import { Scope, scopes } from './personal-token.entity';

class PersonalTokenFields {
  @Text({ description: 'What it is for.', example: 'Backup script', min: 1, max: 100 })
  name: string;

  @WordSet({
    description: '`read` is for GET, `write` for everything that changes something.',
    example: ['read'],
    of: scopes,
  })
  scopes: Scope[];
}

export class CreatePersonalToken extends PersonalTokenFields {
  @Moment({
    description: 'When it ends, in the future. Without it: in 90 days.',
    example: '2027-12-31T00:00:00.000Z',
    optional: true,
  })
  expires_at?: string;
}

class PersonalTokenTimes {
  @Moment({ description: 'When it was made.', answered: true })
  created_at: string;

  @Moment({ description: 'When it ends.', answered: true })
  expires_at: string;

  @Moment({ description: 'The last request with it, to the minute.', answered: true, nullable: true })
  last_used_at: string | null;
}

export class PersonalTokenView extends IntersectionType(
  Identified,
  PersonalTokenFields,
  PersonalTokenTimes,
) {}

export class NewPersonalToken extends PersonalTokenView {
  @ApiProperty({
    type: String,
    pattern: '^cairn_[\\w-]{43}$',
    description: 'For the header `Authorization: Bearer …`. It is shown this once.',
  })
  token: string;
}

export const PersonalTokenPage = pageOf(PersonalTokenView, 'PersonalTokenPage');

const sortable = ['created_at', 'expires_at', 'name'] as const;

export class PersonalTokenQuery extends PageQuery {
  @Sort({ by: sortable, default: '-created_at' })
  sort = readSort('-created_at');
}
