import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { UserView } from '../users/user.dto';
import { JsonText } from '../core/json-text';
import { Public, SessionOnly } from '../http/access';
import {
  ChangePassword,
  ForgotPassword,
  Login,
  Refresh,
  Register,
  ResetPassword,
  TokensView,
  VerifyEmail,
} from './auth.dto';
import { AuthService } from './auth.service';
import { CredentialsService } from './credentials.service';
import { SessionsRepository } from './sessions.repository';

@ApiTags('Auth')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly credentials: CredentialsService,
    private readonly sessions: SessionsRepository,
  ) {}

  @Public()
  @Post('register')
  @ApiOperation({ summary: 'Make an account' })
  @ApiBody({
    type: Register,
    examples: { account: { value: { email: 'you@example.com', password: 'a cairn of many stones' } } },
  })
  @ApiCreatedResponse({ type: UserView })
  register(@Body() account: Register): Promise<JsonText> {
    return this.auth.register(account);
  }

  @Public()
  @Post('login')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Sign in',
    description: 'Put the access_token into “Authorize” above to try the other calls.',
  })
  @ApiBody({
    type: Login,
    examples: {
      email: { value: { email: 'you@example.com', password: 'a cairn of many stones' } },
      demo: {
        value: { username: 'demo', password: 'a cairn of many stones' },
        summary: 'After npm run seed',
      },
    },
  })
  @ApiOkResponse({ type: TokensView })
  login(@Body() login: Login, @Req() { headers }: FastifyRequest): Promise<JsonText> {
    return this.auth.login(login, headers['user-agent']);
  }

  @Public()
  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Get new tokens',
    description:
      'Each refresh token works once. When an answer was lost, the same call within 10 seconds gives it again; ' +
      'any other second use ends the session.',
  })
  @ApiOkResponse({ type: TokensView })
  refresh(@Body() { refresh_token }: Refresh): Promise<JsonText> {
    return this.auth.refresh(refresh_token);
  }

  @SessionOnly()
  @Post('logout')
  @HttpCode(204)
  @ApiOperation({ summary: 'Sign out', description: 'The session ends at once, with its tokens.' })
  @ApiNoContentResponse()
  logout(): Promise<void> {
    return this.sessions.revokeCurrent();
  }

  @SessionOnly()
  @Post('password')
  @HttpCode(204)
  @ApiOperation({ summary: 'Change your password', description: 'All other sessions end.' })
  @ApiBody({ type: ChangePassword })
  @ApiNoContentResponse()
  changePassword(@Body() change: ChangePassword): Promise<void> {
    return this.credentials.changePassword(change);
  }

  @Public()
  @Post('password/forgot')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Ask for a mail with which to choose a new password',
    description: 'The answer is the same whether there is such an account or not.',
  })
  @ApiBody({ type: ForgotPassword, examples: { email: { value: { email: 'you@example.com' } } } })
  @ApiAcceptedResponse()
  forgotPassword(@Body() { email }: ForgotPassword): Promise<void> {
    return this.credentials.forgotPassword(email);
  }

  @Public()
  @Post('password/reset')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Choose a new password, with the token of the mail',
    description: 'All sessions and personal tokens end.',
  })
  @ApiBody({ type: ResetPassword })
  @ApiNoContentResponse()
  resetPassword(@Body() reset: ResetPassword): Promise<void> {
    return this.credentials.resetPassword(reset);
  }

  @SessionOnly()
  @Post('email/verification')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Ask for a mail with which to verify your address',
    description: 'None is sent when it is verified already.',
  })
  @ApiAcceptedResponse()
  askForVerification(): Promise<void> {
    return this.credentials.askForVerification();
  }

  @Public()
  @Post('email/verify')
  @HttpCode(204)
  @ApiOperation({ summary: 'Verify an address, with the token of the mail' })
  @ApiBody({ type: VerifyEmail })
  @ApiNoContentResponse()
  verifyEmail(@Body() { token }: VerifyEmail): Promise<void> {
    return this.credentials.verifyEmail(token);
  }
}
