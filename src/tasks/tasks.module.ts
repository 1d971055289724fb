import { Module } from '@nestjs/common';
import { BatchService } from './batch.service';
import { TagsModule } from '../tags/tags.module';
import { TaskDependenciesRepository } from './task-dependencies.repository';
import { TasksController } from './tasks.controller';
import { TasksRepository } from './tasks.repository';
import { TasksService } from './tasks.service';

@Module({
  imports: [TagsModule],
  controllers: [TasksController],
  providers: [TasksService, BatchService, TasksRepository, TaskDependenciesRepository],
  exports: [TasksRepository],
})
export class TasksModule {}
