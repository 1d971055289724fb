import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module';
import { GoalsModule } from '../goals/goals.module';
import { HistoryModule } from '../history/history.module';
import { TagsModule } from '../tags/tags.module';
import { TasksModule } from '../tasks/tasks.module';
import { TimeEntriesModule } from '../time-entries/time-entries.module';
import { UsersModule } from '../users/users.module';
import { ExportController } from './export.controller';
import { ExportService } from './export.service';

@Module({
  imports: [AuthModule, UsersModule, GoalsModule, TasksModule, TagsModule, TimeEntriesModule, HistoryModule],
  controllers: [ExportController],
  providers: [ExportService],
})
export class ExportModule {}
