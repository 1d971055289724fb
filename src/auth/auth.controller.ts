import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiGroup } from '../http/api-group';
import { Problems } from '../http/problem-responses';
import { UserView } from '../users/user.dto';
import { emailTaken, usernameTaken } from '../users/user.problems';
import { JsonText } from '../core/json-text';
import { AllowUnverified, Public, SessionOnly } from '../http/access';
import { OwnTransactions } from '../http/own-transactions';
import {
  ChangePassword,
  ForgotPassword,
  Login,
  Refresh,
  Register,
  ReopenAccount,
  RequestReopening,
  ResetPassword,
  TokensView,
  VerifyEmail,
} from './auth.dto';
import { invalidCredentials, invalidRefreshToken, wrongPassword } from './auth.problems';
import { AuthService } from './auth.service';
import { CredentialsService } from './credentials.service';
import { SessionsRepository } from './sessions.repository';

@AllowUnverified()
@ApiGroup('Auth', 'Create an account, sign in and sign out, and reset a forgotten password.', 1)
@OwnTransactions()
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly credentials: CredentialsService,
    private readonly sessions: SessionsRepository,
  ) {}

  @Public()
  @Post('register')
  @Problems(emailTaken, usernameTaken, 429, 503)
  @ApiOperation({
    summary: 'Create an account',
    description: 'Sends an email with a token to verify the email address.',
  })
  @ApiBody({
    type: Register,
    examples: { account: { value: { email: 'you@example.com', password: 'a cairn of many stones' } } },
  })
  @ApiCreatedResponse({ type: UserView, description: 'The created account.' })
  register(@Body() account: Register): Promise<JsonText> {
    return this.auth.register(account);
  }

  @Public()
  @Post('login')
  @Problems(invalidCredentials, 429, 503)
  @HttpCode(200)
  @ApiOperation({
    summary: 'Sign in',
    description:
      'Opens a session. To try the other operations here, enter the `access_token` under "Authorize".',
  })
  @ApiBody({
    type: Login,
    examples: {
      email: { value: { email: 'you@example.com', password: 'a cairn of many stones' } },
      demo: {
        value: { username: 'demo', password: 'a cairn of many stones' },
        summary: 'Demo account, created by npm run seed',
      },
    },
  })
  @ApiOkResponse({ type: TokensView, description: 'The tokens of the new session and the account.' })
  login(@Body() login: Login, @Req() { headers }: FastifyRequest): Promise<JsonText> {
    return this.auth.login(login, headers['user-agent']);
  }

  @Public()
  @Post('refresh')
  @Problems(invalidRefreshToken, 429, 503)
  @HttpCode(200)
  @ApiOperation({
    summary: 'Refresh the tokens',
    description:
      'Returns a new access token and a new refresh token. Each refresh token can be used once. If the response was lost, ' +
      'the request can be repeated within 10 seconds. Any other reuse of a refresh token revokes the session.',
  })
  @ApiOkResponse({ type: TokensView, description: 'The new tokens and the account.' })
  refreshTokens(@Body() { refresh_token }: Refresh): Promise<JsonText> {
    return this.auth.refresh(refresh_token);
  }

  @SessionOnly()
  @Post('logout')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Sign out',
    description: 'Revokes the current session and its tokens immediately.',
  })
  @ApiNoContentResponse({ description: 'The session was revoked.' })
  logout(): Promise<void> {
    return this.sessions.revokeCurrent();
  }

  @SessionOnly()
  @Post('password')
  @Problems(wrongPassword)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Change the password of the current user',
    description: 'Revokes all other sessions.',
  })
  @ApiBody({ type: ChangePassword })
  @ApiNoContentResponse({ description: 'The password was changed.' })
  changePassword(@Body() change: ChangePassword): Promise<void> {
    return this.credentials.changePassword(change);
  }

  @Public()
  @Post('password/forgot')
  @Problems(429, 503)
  @HttpCode(202)
  @ApiOperation({
    summary: 'Request a password reset email',
    description:
      'Sends an email with a token to reset the password. The response is the same whether or not an account with this email address exists.',
  })
  @ApiBody({ type: ForgotPassword, examples: { email: { value: { email: 'you@example.com' } } } })
  @ApiAcceptedResponse({
    description: 'Accepted. If the account exists, the email is sent in the background.',
  })
  requestPasswordReset(@Body() { email }: ForgotPassword): Promise<void> {
    return this.credentials.forgotPassword(email);
  }

  @Public()
  @Post('password/reset')
  @Problems(429, 503)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Reset the password with a token from an email',
    description: 'Sets a new password and revokes all sessions and personal access tokens of the user.',
  })
  @ApiBody({ type: ResetPassword })
  @ApiNoContentResponse({ description: 'The password was changed.' })
  resetPassword(@Body() reset: ResetPassword): Promise<void> {
    return this.credentials.resetPassword(reset);
  }

  @SessionOnly()
  @Post('email/verification')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Request a verification email',
    description:
      'Sends an email with a token to verify the email address. No email is sent if it is already verified.',
  })
  @ApiAcceptedResponse({ description: 'Accepted. The email is sent in the background.' })
  requestEmailVerification(): Promise<void> {
    return this.credentials.requestVerification();
  }

  @Public()
  @Post('account/reopening')
  @Problems(429, 503)
  @HttpCode(202)
  @ApiOperation({
    summary: 'Request an email to reopen a closed account',
    description:
      'Sends an email with a token to reopen an account that its user has deleted with `DELETE /users/me`, until its data is deleted. The response is the same whether or not there is such an account.',
  })
  @ApiBody({ type: RequestReopening, examples: { email: { value: { email: 'you@example.com' } } } })
  @ApiAcceptedResponse({
    description: 'Accepted. If the account exists, the email is sent in the background.',
  })
  requestAccountReopening(@Body() { email }: RequestReopening): Promise<void> {
    return this.credentials.requestReopening(email);
  }

  @Public()
  @Post('account/reopen')
  @Problems(503)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Reopen a closed account with a token from an email',
    description: 'The account has its data, and no sessions: sign in with the email address and password.',
  })
  @ApiBody({ type: ReopenAccount })
  @ApiNoContentResponse({ description: 'The account was reopened.' })
  reopenAccount(@Body() { token }: ReopenAccount): Promise<void> {
    return this.credentials.reopen(token);
  }

  @Public()
  @Post('email/verify')
  @Problems(503)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Verify an email address with a token from an email',
    description: 'The token is in the email that registration and `POST /auth/email/verification` send.',
  })
  @ApiBody({ type: VerifyEmail })
  @ApiNoContentResponse({ description: 'The email address was verified.' })
  verifyEmail(@Body() { token }: VerifyEmail): Promise<void> {
    return this.credentials.verifyEmail(token);
  }
}
