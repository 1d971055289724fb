import { IntersectionType, PartialType } from '@nestjs/swagger';
import { BooleanField, TextField } from '../http/body-fields';
import { BooleanParam, SortParam, TextParam, TimestampParam } from '../http/query-params';
import { parseSort } from '../core/page-request';
import { PageQuery } from '../http/page-query';
import { pageOf } from '../http/views';
import { currentPasswordOptions, Deletion, PatchUser, UserView } from '../users/user.dto';

class AccountRights {
  @BooleanField({
    description:
      "Whether the account is active. Only for another user's account. False deactivates it and revokes its sessions and tokens. True activates it again, also if it was closed.",
  })
  is_active: boolean;

  @BooleanField({ description: "Whether the user is a superuser. Only for another user's account." })
  is_superuser: boolean;
}

/** For their own account, users can update all fields except the rights; superusers can update the rights of others. */
export class PatchAccount extends IntersectionType(
  PatchUser,
  PartialType(AccountRights, { skipNullProperties: false }),
) {}

export class DeleteAccount extends Deletion {
  @TextField({
    ...currentPasswordOptions,
    description: 'The current password. Required to delete your own account.',
    optional: true,
  })
  password?: string;
}

export const UserPage = pageOf(UserView, 'UserPage');

const sortable = ['created_at', 'last_login_at', 'email'] as const;

export class UserQuery extends PageQuery {
  @BooleanParam({ description: '`true`: only active accounts. `false`: only deactivated accounts.' })
  is_active?: boolean;

  @BooleanParam({
    description: '`true`: only accounts with a verified email address. `false`: only other accounts.',
  })
  is_verified?: boolean;

  @BooleanParam({ description: '`true`: only superusers. `false`: only other accounts.' })
  is_superuser?: boolean;

  @TimestampParam({ description: 'Only accounts created at or after this time.' })
  created_from?: string;

  @TimestampParam({ description: 'Only accounts created before this time.' })
  created_before?: string;

  @TimestampParam({ description: 'Only accounts whose last sign-in was at or after this time.' })
  last_login_from?: string;

  @TimestampParam({ description: 'Only accounts whose last sign-in was before this time.' })
  last_login_before?: string;

  @TextParam({
    description:
      'Only accounts with this text in the email address, username or full name. Case-insensitive, without wildcards.',
    max: 200,
  })
  q?: string;

  @SortParam({ columns: sortable, default: '-created_at' })
  sort = parseSort('-created_at');
}
