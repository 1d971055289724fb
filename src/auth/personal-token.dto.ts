import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { EnumSetField, TextField, TimestampField } from '../http/body-fields';
import { SortParam } from '../http/query-params';
import { parseSort } from '../core/page-request';
import { Identified, pageOf } from '../http/views';
import { PageQuery } from '../http/page-query';
import { Scope, scopes } from './personal-token.entity';

class PersonalTokenFields {
  @TextField({
    description: 'Name that tells what the token is used for.',
    example: 'Backup script',
    min: 1,
    max: 100,
  })
  name: string;

  @EnumSetField({
    description:
      'What the token can be used for: `read` allows GET requests, `write` allows all other requests.',
    example: ['read'],
    values: scopes,
  })
  scopes: Scope[];
}

export class CreatePersonalToken extends PersonalTokenFields {
  @TimestampField({
    description: 'Expiry of the token. Must be in the future. The default is 90 days from now.',
    example: '2027-12-31T00:00:00.000Z',
    optional: true,
  })
  expires_at?: string;
}

class PersonalTokenTimes {
  @TimestampField({ description: 'Timestamp of the creation.', inResponse: true })
  created_at: string;

  @TimestampField({ description: 'Timestamp at which the token expires.', inResponse: true })
  expires_at: string;

  @TimestampField({
    description: 'Timestamp of the last use, accurate to about a minute. Null if the token was never used.',
    inResponse: true,
    nullable: true,
  })
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
    maxLength: 49,
    description:
      'The token itself, for the header `Authorization: Bearer <token>`. It is shown only in this response.',
  })
  token: string;
}

export const PersonalTokenPage = pageOf(PersonalTokenView, 'PersonalTokenPage');

const sortable = ['created_at', 'expires_at', 'name'] as const;

export class PersonalTokenQuery extends PageQuery {
  @SortParam({ columns: sortable, default: '-created_at' })
  sort = parseSort('-created_at');
}
