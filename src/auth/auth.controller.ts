import { Body, Controller, Delete, Get, HttpCode, Post, Query, Req } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { UserView } from '../users/user.dto';
import { JsonPage, JsonText } from '../http/json-text';
import { Public } from '../http/public';
import { IdParam } from '../http/validation';
import { Login, Refresh, Register, SessionPage, SessionQuery, TokensView } from './auth.dto';
import { AuthService } from './auth.service';
import { SessionsRepository } from './sessions.repository';

@ApiTags('Auth')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
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
  login(@Body() login: Login, @Req() { ip, headers }: FastifyRequest): Promise<JsonText> {
    return this.auth.login(login, { ip, user_agent: headers['user-agent'] });
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

  @Post('logout')
  @HttpCode(204)
  @ApiOperation({ summary: 'Sign out', description: 'The session ends at once, with its tokens.' })
  @ApiNoContentResponse()
  logout(): Promise<void> {
    return this.sessions.revokeCurrent();
  }

  @Get('sessions')
  @ApiOperation({ summary: 'List the sessions that are alive' })
  @ApiOkResponse({ type: SessionPage })
  list(@Query() query: SessionQuery): Promise<JsonPage> {
    return this.sessions.page({ ...query, alive: true });
  }

  @Delete('sessions/:id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End a session' })
  @ApiNoContentResponse()
  revoke(@IdParam() id: string): Promise<void> {
    return this.sessions.revoke(id);
  }

  @Delete('sessions')
  @HttpCode(204)
  @ApiOperation({ summary: 'End all other sessions' })
  @ApiNoContentResponse()
  revokeOthers(): Promise<void> {
    return this.sessions.revokeOthers();
  }
}
