import { ApiProperty } from '@nestjs/swagger';
import { PersonalTokenView } from '../auth/personal-token.dto';
import { SessionView } from '../auth/session.dto';
import { GoalView } from '../goals/goal.dto';
import { ChangeView } from '../history/change.dto';
import { Id, Moment } from '../http/fields';
import { TagView } from '../tags/tag.dto';
import { TaskView } from '../tasks/task.dto';
import { TimeEntryView } from '../time-entries/time-entry.dto';
import { UserView } from '../users/user.dto';

class Dependency {
  @Id({ description: 'The task that depends on another one.' })
  task_id: string;

  @Id({ description: 'The other one.' })
  depends_on_id: string;
}

export class ExportView {
  @Moment({ description: 'When the export began.', answered: true })
  exported_at: string;

  @ApiProperty({ type: UserView })
  user: object;

  @ApiProperty({ type: [GoalView] })
  goals: object[];

  @ApiProperty({ type: [TaskView], description: 'Also those in the trash.' })
  tasks: object[];

  @ApiProperty({ type: [TagView] })
  tags: object[];

  @ApiProperty({ type: [TimeEntryView] })
  time_entries: object[];

  @ApiProperty({ type: [Dependency] })
  dependencies: object[];

  @ApiProperty({ type: [ChangeView], description: 'The oldest change first.' })
  history: object[];

  @ApiProperty({
    type: [SessionView],
    required: false,
    description: 'Also those that have ended. Not with a personal token.',
  })
  sessions?: object[];

  @ApiProperty({
    type: [PersonalTokenView],
    required: false,
    description: 'Without the tokens themselves. Not with a personal token.',
  })
  tokens?: object[];
}
