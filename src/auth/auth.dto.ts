import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { Integer, Text } from '../http/fields';
import { UserFields, UserView } from '../users/user.dto';

const password = {
  description:
    'Any characters; taken as it is. Common ones are refused, and those made of the user’s own names.',
  example: 'a cairn of many stones',
  min: 8,
  max: 256,
  verbatim: true,
};

const currentPassword = {
  description: 'The password, again.',
  example: 'a cairn of many stones',
  max: 256,
  verbatim: true,
};

const mailedToken = { description: 'From the mail. It serves once, within 30 minutes.', max: 200 };

class Password {
  @Text(password)
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

export class ChangePassword {
  @Text(currentPassword)
  current_password: string;

  @Text({ ...password, example: 'a cairn of even more stones' })
  new_password: string;
}

export class ForgotPassword extends PickType(UserFields, ['email']) {}

export class ResetPassword {
  @Text(mailedToken)
  token: string;

  @Text(password)
  new_password: string;
}

export class VerifyEmail {
  @Text(mailedToken)
  token: string;
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
