import { Flag, Id, Moment, readSort, Sort, Text } from '../http/fields';
import { PageQuery, pageOf } from '../http/page-query';

export class SessionView {
  @Id({ description: 'Names the session.' })
  id: string;

  @Flag({ description: 'Whether it is the session that asks.' })
  current: boolean;

  @Text({ description: 'The program that signed in, as it names itself.', nullable: true, max: 500 })
  user_agent: string | null;

  @Text({ description: 'The network address of the sign-in.', nullable: true, max: 45 })
  ip: string | null;

  @Moment({ description: 'The sign-in.', answered: true })
  created_at: string;

  @Moment({ description: 'The sign-in, or the last refresh.', answered: true })
  last_used_at: string;

  @Moment({ description: 'When it ends unless it is refreshed.', answered: true })
  expires_at: string;
}

export const SessionPage = pageOf(SessionView, 'SessionPage');

const sortable = ['created_at', 'last_used_at'] as const;

export class SessionQuery extends PageQuery {
  @Sort({ by: sortable, default: '-last_used_at' })
  sort = readSort('-last_used_at');
}
