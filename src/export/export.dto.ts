import { ApiProperty } from '@nestjs/swagger';
import { PersonalTokenView } from '../auth/personal-token.dto';
import { SessionView } from '../auth/session.dto';
import { GoalView } from '../goals/goal.dto';
import { ChangeView } from '../history/change.dto';
import { IdField, TimestampField } from '../http/body-fields';
import { TagView } from '../tags/tag.dto';
import { TaskView } from '../tasks/task.dto';
import { TimeEntryView } from '../time-entries/time-entry.dto';
import { UserView } from '../users/user.dto';

class Dependency {
  @IdField({ description: 'Id of the task that depends on another task.' })
  task_id: string;

  @IdField({ description: 'Id of the task that it depends on.' })
  depends_on_id: string;
}

export class ExportView {
  @TimestampField({ description: 'Timestamp of the start of the export.', inResponse: true })
  exported_at: string;

  @ApiProperty({ type: UserView, description: 'The account.' })
  user: object;

  @ApiProperty({ type: [GoalView], description: 'All goals.' })
  goals: object[];

  @ApiProperty({ type: [TaskView], description: 'All tasks, including those in the trash.' })
  tasks: object[];

  @ApiProperty({ type: [TagView], description: 'All tags.' })
  tags: object[];

  @ApiProperty({ type: [TimeEntryView], description: 'All time entries.' })
  time_entries: object[];

  @ApiProperty({ type: [Dependency], description: 'All dependencies between tasks.' })
  dependencies: object[];

  @ApiProperty({ type: [ChangeView], description: 'All recorded changes, oldest first.' })
  history: object[];

  @ApiProperty({
    type: [SessionView],
    required: false,
    description:
      'All sessions, including expired and revoked ones. Absent if the request uses a personal access token.',
  })
  sessions?: object[];

  @ApiProperty({
    type: [PersonalTokenView],
    required: false,
    description:
      'All personal access tokens, without the tokens themselves. Absent if the request uses a personal access token.',
  })
  tokens?: object[];
}
