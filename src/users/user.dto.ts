import { IntersectionType, PartialType } from '@nestjs/swagger';
import { Email, Flag, Moment, Text, Timezone } from '../http/fields';
import { Identified } from '../http/owned-view';

/** What users say of themselves. */
export class UserFields {
  @Email({
    description: 'Email address. Unique, case-insensitive and stored in lower case.',
    example: 'you@example.com',
  })
  email: string;

  @Text({
    description:
      'Username, which can be used to sign in instead of the email address. Unique and case-insensitive.',
    example: 'you',
    nullable: true,
    min: 3,
    max: 50,
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  })
  username: string | null;

  @Text({ description: 'Full name of the user.', nullable: true, max: 200 })
  full_name: string | null;

  @Timezone({
    description: "IANA time zone of the user. It determines when the user's days begin and end.",
    example: 'Europe/Berlin',
    default: 'UTC',
  })
  timezone: string;
}

class UserState {
  @Flag({ description: 'Whether the account is active. Users of deactivated accounts cannot sign in.' })
  is_active: boolean;

  @Flag({ description: 'Whether the email address is verified.' })
  is_verified: boolean;

  @Flag({ description: 'Whether the user is a superuser, who can manage all accounts.' })
  is_superuser: boolean;

  @Moment({
    description: 'Timestamp of the last sign-in. Null if the user never signed in.',
    answered: true,
    nullable: true,
  })
  last_login_at: string | null;

  @Moment({
    description: 'Timestamp of the verification of the email address. Null if it is not verified.',
    answered: true,
    nullable: true,
  })
  email_verified_at: string | null;

  @Moment({ description: 'Timestamp of the creation of the account.', answered: true })
  created_at: string;

  @Moment({ description: 'Timestamp of the last update of the account.', answered: true })
  updated_at: string;
}

export class UserView extends IntersectionType(Identified, UserFields, UserState) {}

export class PatchUser extends PartialType(UserFields, { skipNullProperties: false }) {
  @Text({
    description: 'The current password. Required to change the email address.',
    max: 256,
    verbatim: true,
    optional: true,
    example: 'a cairn of many stones',
  })
  current_password?: string;
}

export class DeleteUser {
  @Text({ description: 'The current password.', max: 256, verbatim: true, example: 'a cairn of many stones' })
  password: string;
}
