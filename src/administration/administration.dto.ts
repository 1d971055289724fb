import { IntersectionType, PartialType } from '@nestjs/swagger';
import { Flag, FlagParameter, MomentParameter, readSort, Sort, Text, TextParameter } from '../http/fields';
import { PageQuery, pageOf } from '../http/page-query';
import { PatchUser, UserView } from '../users/user.dto';

class AccountRights {
  @Flag({ description: 'Another’s account: false deactivates it, and ends its sessions and tokens.' })
  is_active: boolean;

  @Flag({ description: 'Another’s account: whether the user manages accounts.' })
  is_superuser: boolean;
}

/** Of the own account everything but the rights, of another's the rights. */
export class PatchAccount extends IntersectionType(
  PatchUser,
  PartialType(AccountRights, { skipNullProperties: false }),
) {}

export class DeleteAccount {
  @Text({
    description: 'For the own account: the password, again.',
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
  @FlagParameter({ description: 'Whether the user may sign in.' })
  is_active?: boolean;

  @FlagParameter({ description: 'Whether the email address is verified.' })
  is_verified?: boolean;

  @FlagParameter({ description: 'Whether the user manages accounts.' })
  is_superuser?: boolean;

  @MomentParameter({ description: 'Made then or later.' })
  created_from?: string;

  @MomentParameter({ description: 'Made before then.' })
  created_before?: string;

  @MomentParameter({ description: 'Signed in last then or later.' })
  last_login_from?: string;

  @MomentParameter({ description: 'Signed in last before then.' })
  last_login_before?: string;

  @TextParameter({
    description: 'Text in email, username or full name, taken literally, whatever its case.',
    max: 200,
  })
  q?: string;

  @Sort({ by: sortable, default: '-created_at' })
  sort = readSort('-created_at');
}
