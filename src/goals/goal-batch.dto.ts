import { batchOf, batchResultOf, batchResultsOf } from '../batch/batch.dto';
import { CreateGoal, GoalView, PatchGoal } from './goal.dto';

export const goalBatch = { Create: CreateGoal, Patch: PatchGoal, acceptsForce: false };

export class GoalBatch extends batchOf('goal', goalBatch) {}

class GoalBatchResult extends batchResultOf('goal', GoalView) {}

export class GoalBatchResults extends batchResultsOf(GoalBatchResult) {}
