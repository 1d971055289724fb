import { Module } from '@nestjs/common';
import { TasksModule } from '../tasks/tasks.module';
import { AllTimeEntriesController } from './all-time-entries.controller';
import { TimeEntriesController } from './time-entries.controller';
import { TimeEntriesRepository } from './time-entries.repository';
import { TimeEntriesService } from './time-entries.service';

@Module({
  imports: [TasksModule],
  controllers: [TimeEntriesController, AllTimeEntriesController],
  providers: [TimeEntriesService, TimeEntriesRepository],
})
export class TimeEntriesModule {}
