import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module';
import { PurgeModule } from '../purge/purge.module';
import { UsersController } from './users.controller';
import { UsersRepository } from './users.repository';
import { UsersService } from './users.service';

@Module({
  imports: [AuthModule, PurgeModule],
  controllers: [UsersController],
  providers: [UsersService, UsersRepository],
  exports: [UsersService, UsersRepository],
})
export class UsersModule {}
