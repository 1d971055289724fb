import { Module } from '@nestjs/common';
import { TasksModule } from '../tasks/tasks.module';
import { GoalsController } from './goals.controller';
import { GoalsRepository } from './goals.repository';
import { GoalsService } from './goals.service';

@Module({
  imports: [TasksModule],
  controllers: [GoalsController],
  providers: [GoalsService, GoalsRepository],
  exports: [GoalsRepository],
})
export class GoalsModule {}
