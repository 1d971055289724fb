import { AdministrativeAct } from '../administration/administrative-act.entity';
import { OneTimeToken } from '../auth/one-time-token.entity';
import { PersonalToken } from '../auth/personal-token.entity';
import { Session } from '../auth/session.entity';
import { Goal } from '../goals/goal.entity';
import { Change } from '../history/change.entity';
import { RateLimit } from '../limits/rate-limit.entity';
import { Mail } from '../mail/mail.entity';
import { Tag } from '../tags/tag.entity';
import { TaskDependency } from '../tasks/task-dependency.entity';
import { TaskTag } from '../tasks/task-tag.entity';
import { Task } from '../tasks/task.entity';
import { TimeEntry } from '../time-entries/time-entry.entity';
import { User } from '../users/user.entity';

/** Every entity: a table is migrated and queried only when it is listed here. */
export const entities = [
  User,
  Session,
  PersonalToken,
  OneTimeToken,
  Goal,
  Task,
  TaskDependency,
  Tag,
  TaskTag,
  TimeEntry,
  Change,
  Mail,
  RateLimit,
  AdministrativeAct,
];
