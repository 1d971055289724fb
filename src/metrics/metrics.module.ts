import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module';
import { MailModule } from '../mail/mail.module';
import { MetricsServer } from './metrics.server';

@Module({ imports: [AuthModule, MailModule], providers: [MetricsServer] })
export class MetricsModule {}
