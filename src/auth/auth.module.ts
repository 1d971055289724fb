import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { PassportModule } from '@nestjs/passport';
import { MailModule } from '../mail/mail.module';
import { AccountsRepository } from './accounts.repository';
import { AuthController } from './auth.controller';
import { AuthService } from './auth.service';
import { CredentialsRepository } from './credentials.repository';
import { CredentialsService } from './credentials.service';
import { JwtStrategy } from './jwt.strategy';
import { Passwords } from './passwords';
import { PersonalTokensService } from './personal-tokens.service';
import { PersonalTokensController } from './personal-tokens.controller';
import { PersonalTokensRepository } from './personal-tokens.repository';
import { SessionsController } from './sessions.controller';
import { SessionsRepository } from './sessions.repository';
import { SessionTokens } from './session-tokens';

@Module({
  imports: [PassportModule, JwtModule.register({}), MailModule],
  controllers: [AuthController, SessionsController, PersonalTokensController],
  providers: [
    AuthService,
    CredentialsService,
    AccountsRepository,
    CredentialsRepository,
    SessionsRepository,
    PersonalTokensRepository,
    Passwords,
    SessionTokens,
    PersonalTokensService,
    JwtStrategy,
  ],
  exports: [
    CredentialsService,
    Passwords,
    SessionsRepository,
    PersonalTokensRepository,
    PersonalTokensService,
  ],
})
export class AuthModule {}
