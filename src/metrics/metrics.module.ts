import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module';
import { MailModule } from '../mail/mail.module';
import { ProcessMetrics } from './process-metrics';

@Module({ imports: [AuthModule, MailModule], providers: [ProcessMetrics] })
export class MetricsModule {}
