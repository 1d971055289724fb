import { AdministrativeAct } from '../administration/administrative-act.entity';
import { OneTimeToken } from '../auth/one-time-token.entity';
import { PersonalToken } from '../auth/personal-token.entity';
import { Session } from '../auth/session.entity';
import { Goal } from '../goals/goal.entity';
import { Change } from '../history/change.entity';
import { ImportPart } from '../imports/import-part.entity';
import { Import } from '../imports/import.entity';
import { IdempotencyKey } from '../write-requests/idempotency-key.entity';
import { ImportedRow } from '../imports/imported-row.entity';
import { RateLimit } from '../limits/rate-limit.entity';
import { RowCount } from '../limits/row-count.entity';
import { Mail } from '../mail/mail.entity';
import { Tag } from '../tags/tag.entity';
import { TaskDependency } from '../tasks/task-dependency.entity';
import { TaskTag } from '../tasks/task-tag.entity';
import { Task } from '../tasks/task.entity';
import { TimeEntry } from '../time-entries/time-entry.entity';
import { User } from '../users/user.entity';

/** Every entity, parents before their children: only tables in this list are migrated and queried. */
export const entities = [
  User,
  Goal,
  Task,
  Tag,
  TaskTag,
  TimeEntry,
  TaskDependency,
  Change,
  ImportedRow,
  Import,
  ImportPart,
  IdempotencyKey,
  Session,
  PersonalToken,
  OneTimeToken,
  Mail,
  RateLimit,
  RowCount,
  AdministrativeAct,
];
