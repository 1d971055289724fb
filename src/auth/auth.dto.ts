import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { Flag, Id, Integer, Moment, readSort, Sort, Text } from '../http/fields';
import { PageQuery, pageOf } from '../http/page-query';
import { UserFields, UserView } from '../users/user.dto';

class Password {
  @Text({
    description: 'Any characters; taken as it is.',
    example: 'a cairn of many stones',
    min: 8,
    max: 256,
    verbatim: true,
  })
  password: string;
}

export class Register extends IntersectionType(
  PickType(UserFields, ['email']),
  Password,
  PartialType(OmitType(UserFields, ['email']), { skipNullProperties: false }),
) {}

/** Either email or username. */
export class Login {
  @Text({
    description: 'The email address; or give the username.',
    optional: true,
    max: 254,
    example: 'you@example.com',
  })
  email?: string;

  @Text({ description: 'The username, or the email address.', optional: true, max: 254 })
  username?: string;

  @Text({ description: 'The password.', max: 256, verbatim: true, example: 'a cairn of many stones' })
  password: string;
}

export class Refresh {
  @Text({ description: 'From the last login or refresh. It works once.', max: 4000 })
  refresh_token: string;
}

export class TokensView {
  @Text({ description: 'For the header `Authorization: Bearer …`.', max: 4000 })
  access_token: string;

  @ApiProperty({ type: String, enum: ['Bearer'] })
  token_type: 'Bearer';

  @Integer({ description: 'Seconds until the access token expires.', min: 1, max: 900 })
  expires_in: number;

  @Text({ description: 'For POST /auth/refresh, once.', max: 4000 })
  refresh_token: string;

  @ApiProperty({ type: UserView })
  user: object;
}

export class SessionView {
  @Id({ description: 'Names the session.' })
  id: string;

  @Flag({ description: 'Whether it is the session that asks.' })
  current: boolean;

  @Text({ description: 'The program that signed in, as it names itself.', nullable: true, max: 500 })
  user_agent: string | null;

  @Text({ description: 'The network address of the sign-in.', nullable: true, max: 45 })
  ip: string | null;

  @Moment({ description: 'The sign-in.', answered: true })
  created_at: string;

  @Moment({ description: 'The sign-in, or the last refresh.', answered: true })
  last_used_at: string;

  @Moment({ description: 'When it ends unless it is refreshed.', answered: true })
  expires_at: string;
}

export const SessionPage = pageOf(SessionView, 'SessionPage');

const sortable = ['created_at', 'last_used_at'] as const;

export class SessionQuery extends PageQuery {
  @Sort({ by: sortable, default: '-last_used_at' })
  sort = readSort('-last_used_at');
}
