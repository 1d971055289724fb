import { IntersectionType, PartialType } from '@nestjs/swagger';
import { Flag, FlagParameter, MomentParameter, readSort, Sort, Text, TextParameter } from '../http/fields';
import { PageQuery, pageOf } from '../http/page-query';
import { PatchUser, UserView } from '../users/user.dto';

class AccountRights {
  @Flag({
    description:
      "Whether the account is active. Only for another user's account. False deactivates it and revokes its sessions and tokens.",
  })
  is_active: boolean;

  @Flag({ description: "Whether the user is a superuser. Only for another user's account." })
  is_superuser: boolean;
}

/** Of the own account everything but the rights, of another's the rights. */
export class PatchAccount extends IntersectionType(
  PatchUser,
  PartialType(AccountRights, { skipNullProperties: false }),
) {}

export class DeleteAccount {
  @Text({
    description: 'The current password. Required to delete your own account.',
    max: 256,
    verbatim: true,
    optional: true,
    example: 'a cairn of many stones',
  })
  password?: string;
}

export const UserPage = pageOf(UserView, 'UserPage');

const sortable = ['created_at', 'last_login_at', 'email'] as const;

export class UserQuery extends PageQuery {
  @FlagParameter({ description: 'Only accounts that are active (true) or deactivated (false).' })
  is_active?: boolean;

  @FlagParameter({ description: 'Only accounts whose email address is (true) or is not (false) verified.' })
  is_verified?: boolean;

  @FlagParameter({ description: 'Only accounts that are (true) or are not (false) superusers.' })
  is_superuser?: boolean;

  @MomentParameter({ description: 'Only accounts created at or after this time.' })
  created_from?: string;

  @MomentParameter({ description: 'Only accounts created before this time.' })
  created_before?: string;

  @MomentParameter({ description: 'Only accounts whose last sign-in was at or after this time.' })
  last_login_from?: string;

  @MomentParameter({ description: 'Only accounts whose last sign-in was before this time.' })
  last_login_before?: string;

  @TextParameter({
    description:
      'Only accounts with this text in the email address, username or full name. Case-insensitive, without wildcards.',
    max: 200,
  })
  q?: string;

  @Sort({ by: sortable, default: '-created_at' })
  sort = readSort('-created_at');
}
