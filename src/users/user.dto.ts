import { IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { BooleanField, EmailField, TextField, TimestampField, TimezoneField } from '../http/body-fields';
import { Identified } from '../http/views';

/** Maximum length of the username of an imported account. */
export const maxUsernameLength = 100;

/** Fields of the account that its user can write. */
export class UserFields {
  @EmailField({
    description: 'Email address. Unique, case-insensitive and stored in lower case.',
    example: 'you@example.com',
  })
  email: string;

  @TextField({
    description:
      'Username, which can be used to sign in instead of the email address. Unique and case-insensitive.',
    example: 'you',
    nullable: true,
    min: 3,
    max: 50,
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  })
  username: string | null;

  @TextField({ description: 'Full name of the user.', nullable: true, max: 200 })
  full_name: string | null;

  @TimezoneField({
    description: "IANA time zone of the user. It determines when the user's days begin and end.",
    example: 'Europe/Berlin',
    default: 'UTC',
  })
  timezone: string;
}

class UserState {
  @BooleanField({
    description:
      'Whether the account is active. An account is not active if a superuser or its user deactivated it, or if it is closed.',
  })
  is_active: boolean;

  @TimestampField({
    description:
      'Timestamp at which a closed account is deleted with all its data. Null unless the account is closed.',
    inResponse: true,
    nullable: true,
  })
  deletion_at: string | null;

  @BooleanField({ description: 'Whether the email address is verified.' })
  is_verified: boolean;

  @BooleanField({ description: 'Whether the user is a superuser, who can manage all accounts.' })
  is_superuser: boolean;

  @TimestampField({
    description: 'Timestamp of the last sign-in. Null if the user never signed in.',
    inResponse: true,
    nullable: true,
  })
  last_login_at: string | null;

  @TimestampField({
    description: 'Timestamp of the verification of the email address. Null if it is not verified.',
    inResponse: true,
    nullable: true,
  })
  email_verified_at: string | null;

  @TimestampField({ description: 'Timestamp of the creation of the account.', inResponse: true })
  created_at: string;

  @TimestampField({ description: 'Timestamp of the last update of the account.', inResponse: true })
  updated_at: string;
}

class ImportableUsername {
  @TextField({
    description:
      'Username. Unique and case-insensitive. Usernames of imported accounts can have 1 to 100 characters.',
    example: 'you',
    nullable: true,
    max: maxUsernameLength,
  })
  username: string | null;
}

export class UserView extends IntersectionType(
  Identified,
  PickType(UserFields, ['email']),
  ImportableUsername,
  OmitType(UserFields, ['email', 'username']),
  UserState,
) {}

/** The options that the fields for the current password share. */
export const currentPasswordOptions = {
  max: 256,
  verbatim: true,
  example: 'a cairn of many stones',
} as const;

export class PatchUser extends PartialType(UserFields, { skipNullProperties: false }) {
  @TextField({
    ...currentPasswordOptions,
    description: 'The current password. Required to change the email address.',
    optional: true,
  })
  current_password?: string;
}

export class DeactivateUser {
  @TextField({ ...currentPasswordOptions, description: 'The current password.' })
  password: string;
}

/** How an account is deleted. */
export class Deletion {
  @BooleanField({
    description: 'Whether to delete the account immediately. It can then not be reopened.',
    optional: true,
    default: false,
  })
  immediately?: boolean;
}

export class DeleteUser extends IntersectionType(DeactivateUser, Deletion) {}
