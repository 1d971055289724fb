import { Schema1795219200000 } from './1795219200000-schema';
import { Walls1795222800000 } from './1795222800000-walls';
import { Accounts1795309200000 } from './1795309200000-accounts';
import { NewestUsers1795312800000 } from './1795312800000-newest-users';
import { TaskRelations1795316400000 } from './1795316400000-task-relations';
import { Purge1795320000000 } from './1795320000000-purge';
import { TimeEntries1795323600000 } from './1795323600000-time-entries';
import { History1795327200000 } from './1795327200000-history';
import { GoalProgress1795330800000 } from './1795330800000-goal-progress';
import { CountedProgress1795334400000 } from './1795334400000-counted-progress';

/** Every migration, in the order in which they run. One that has landed is never edited. */
export const migrations = [
  Schema1795219200000,
  Walls1795222800000,
  Accounts1795309200000,
  NewestUsers1795312800000,
  TaskRelations1795316400000,
  Purge1795320000000,
  TimeEntries1795323600000,
  History1795327200000,
  GoalProgress1795330800000,
  CountedProgress1795334400000,
];
