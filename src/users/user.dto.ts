import { IntersectionType, PartialType } from '@nestjs/swagger';
import { Email, Flag, Moment, Text, Timezone } from '../http/fields';
import { Identified } from '../http/owned-view';

/** What users say of themselves. */
export class UserFields {
  @Email({ description: 'Unique, whatever its case; kept in lower case.', example: 'you@example.com' })
  email: string;

  @Text({
    description: 'Another name to sign in with. Unique, whatever its case.',
    example: 'you',
    nullable: true,
    min: 3,
    max: 50,
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  })
  username: string | null;

  @Text({ description: 'How to address the user.', nullable: true, max: 200 })
  full_name: string | null;

  @Timezone({
    description: 'IANA time zone: when the user’s days begin and end.',
    example: 'Europe/Berlin',
    default: 'UTC',
  })
  timezone: string;
}

class UserState {
  @Flag({ description: 'Whether the user may sign in.' })
  is_active: boolean;

  @Flag({ description: 'Whether the email address is known to be the user’s.' })
  is_verified: boolean;

  @Flag({ description: 'Whether the user manages accounts.' })
  is_superuser: boolean;

  @Moment({ description: 'The last sign-in.', answered: true, nullable: true })
  last_login_at: string | null;

  @Moment({ description: 'When the email address was verified.', answered: true, nullable: true })
  email_verified_at: string | null;

  @Moment({ description: 'When the account was made.', answered: true })
  created_at: string;

  @Moment({ description: 'The last change of the account.', answered: true })
  updated_at: string;
}

export class UserView extends IntersectionType(Identified, UserFields, UserState) {}

export class PatchUser extends PartialType(UserFields, { skipNullProperties: false }) {
  @Text({
    description: 'The password, again: for another email.',
    max: 256,
    verbatim: true,
    optional: true,
    example: 'a cairn of many stones',
  })
  current_password?: string;
}

export class DeleteUser {
  @Text({ description: 'The password, again.', max: 256, verbatim: true, example: 'a cairn of many stones' })
  password: string;
}
