import { Injectable } from '@nestjs/common';
import { Expression } from '../database/table.repository';
import { JsonPage, JsonText } from '../http/json-text';
import { TaskQuery } from '../tasks/task.dto';
import { TasksRepository } from '../tasks/tasks.repository';
import { CreateGoal, GoalQuery, PatchGoal } from './goal.dto';
import { GoalsRepository } from './goals.repository';

const reopened = new Expression(
  `CASE WHEN status IN ('completed', 'cancelled') THEN 'active' ELSE status END`,
);

/** The rules of goals. */
@Injectable()
export class GoalsService {
  constructor(
    private readonly goals: GoalsRepository,
    private readonly tasks: TasksRepository,
  ) {}

  page(query: GoalQuery): Promise<JsonPage> {
    return this.goals.page(query);
  }

  summary(): Promise<JsonText> {
    return this.goals.summary();
  }

  find(id: string): Promise<JsonText> {
    return this.goals.find(id);
  }

  create(values: CreateGoal): Promise<JsonText> {
    return this.goals.insert({ ...values });
  }

  /** @throws Problem 409 when the goal would become its own ancestor */
  change(id: string, changes: PatchGoal): Promise<JsonText> {
    return this.goals.update(id, { ...changes });
  }

  complete(id: string): Promise<JsonText> {
    return this.goals.update(id, { status: 'completed' });
  }

  /** What was completed or cancelled is active again; other goals stay as they are. */
  reopen(id: string): Promise<JsonText> {
    return this.goals.update(id, { status: reopened });
  }

  /** Its tasks and subgoals stay, unlinked; or the tasks go to the trash. */
  remove(id: string, tasks: 'trash' | undefined): Promise<void> {
    return this.goals.remove(id, tasks);
  }

  /** @throws Problem 404 when there is no such goal */
  tasksOf(id: string, query: TaskQuery): Promise<JsonPage> {
    return this.tasks.pageUnder(this.goals, id, { ...query, goal_id: [id] });
  }
}
