import { Module } from '@nestjs/common';
import { GoalsModule } from '../goals/goals.module';
import { TasksModule } from '../tasks/tasks.module';
import { ChangesRepository } from './changes.repository';
import { HistoryController } from './history.controller';
import { HistoryService } from './history.service';

@Module({
  imports: [TasksModule, GoalsModule],
  controllers: [HistoryController],
  providers: [HistoryService, ChangesRepository],
})
export class HistoryModule {}
