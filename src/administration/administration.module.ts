import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module';
import { PurgeModule } from '../purge/purge.module';
import { UsersModule } from '../users/users.module';
import { AdministrationController } from './administration.controller';
import { AdministrationRepository } from './administration.repository';
import { AdministrationService } from './administration.service';

@Module({
  imports: [AuthModule, PurgeModule, UsersModule],
  controllers: [AdministrationController],
  providers: [AdministrationService, AdministrationRepository],
})
export class AdministrationModule {}
