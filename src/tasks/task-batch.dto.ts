import { batchOf, batchResultOf, batchResultsOf } from '../batch/batch.dto';
import { CreateTask, PatchTask, TaskView } from './task.dto';

export const taskBatch = { Create: CreateTask, Patch: PatchTask, acceptsForce: true };

export class TaskBatch extends batchOf('task', taskBatch) {}

class TaskBatchResult extends batchResultOf('task', TaskView) {}

export class TaskBatchResults extends batchResultsOf(TaskBatchResult) {}
