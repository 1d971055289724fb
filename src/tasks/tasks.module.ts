import { Module } from '@nestjs/common';
import { BatchService } from './batch.service';
import { TasksController } from './tasks.controller';
import { TasksRepository } from './tasks.repository';
import { TasksService } from './tasks.service';

@Module({
  controllers: [TasksController],
  providers: [TasksService, BatchService, TasksRepository],
  exports: [TasksRepository],
})
export class TasksModule {}
