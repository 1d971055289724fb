import { Module } from '@nestjs/common';
import { BatchModule } from '../batch/batch.module';
import { TagsModule } from '../tags/tags.module';
import { TaskDependenciesRepository } from './task-dependencies.repository';
import { TasksController } from './tasks.controller';
import { TasksRepository } from './tasks.repository';
import { TasksService } from './tasks.service';

@Module({
  imports: [TagsModule, BatchModule],
  controllers: [TasksController],
  providers: [TasksService, TasksRepository, TaskDependenciesRepository],
  exports: [TasksRepository],
})
export class TasksModule {}
