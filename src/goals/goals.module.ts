import { Module } from '@nestjs/common';
import { BatchModule } from '../batch/batch.module';
import { TasksModule } from '../tasks/tasks.module';
import { GoalsController } from './goals.controller';
import { GoalsRepository } from './goals.repository';
import { GoalsService } from './goals.service';

@Module({
  imports: [TasksModule, BatchModule],
  controllers: [GoalsController],
  providers: [GoalsService, GoalsRepository],
  exports: [GoalsRepository],
})
export class GoalsModule {}
