import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { demoTokens } from '../core/demo-data';
import { IntegerField, TextField } from '../http/body-fields';
import { UserFields, UserView } from '../users/user.dto';

const password = {
  description:
    "The new password: 8 to 256 characters of any kind, used exactly as sent. Common passwords and passwords based on the user's name, username or email address are rejected.",
  example: 'a cairn of many stones',
  min: 8,
  max: 256,
  verbatim: true,
};

const currentPassword = {
  description: 'The current password.',
  example: 'a cairn of many stones',
  max: 256,
  verbatim: true,
};

/** @param purpose of the token in the demo data, which is the example */
const mailedToken = (purpose: keyof typeof demoTokens) => ({
  description: 'Token from the email. It can be used once and expires after 30 minutes.',
  example: demoTokens[purpose],
  max: 200,
});

class Password {
  @TextField(password)
  password: string;
}

export class Register extends IntersectionType(
  PickType(UserFields, ['email']),
  Password,
  PartialType(OmitType(UserFields, ['email']), { skipNullProperties: false }),
) {}

/** Either email or username. */
export class Login {
  @TextField({
    description: 'Email address of the account. Send either `email` or `username`.',
    optional: true,
    max: 254,
    example: 'you@example.com',
  })
  email?: string;

  @TextField({
    description: 'Username or email address of the account. Send either `email` or `username`.',
    optional: true,
    max: 254,
  })
  username?: string;

  @TextField({
    description: 'Password of the account.',
    max: 256,
    verbatim: true,
    example: 'a cairn of many stones',
  })
  password: string;
}

export class Refresh {
  @TextField({ description: 'Refresh token from the last login or refresh. It can be used once.', max: 4000 })
  refresh_token: string;
}

export class ChangePassword {
  @TextField(currentPassword)
  current_password: string;

  @TextField(password)
  new_password: string;
}

export class ForgotPassword extends PickType(UserFields, ['email']) {}

export class ResetPassword {
  @TextField(mailedToken('reset_password'))
  token: string;

  @TextField(password)
  new_password: string;
}

export class RequestReopening extends PickType(UserFields, ['email']) {}

export class ReopenAccount {
  @TextField(mailedToken('reopen_account'))
  token: string;
}

export class VerifyEmail {
  @TextField(mailedToken('verify_email'))
  token: string;
}

export class TokensView {
  @TextField({
    description: 'Access token for the header `Authorization: Bearer <access_token>`.',
    max: 4000,
  })
  access_token: string;

  @ApiProperty({ type: String, enum: ['Bearer'], description: 'Type of the access token.' })
  token_type: 'Bearer';

  @IntegerField({ description: 'Number of seconds until the access token expires.', min: 1, max: 900 })
  expires_in: number;

  @TextField({ description: 'Refresh token for `POST /auth/refresh`. It can be used once.', max: 4000 })
  refresh_token: string;

  @ApiProperty({ type: UserView, description: 'The account of the user.' })
  user: object;
}
