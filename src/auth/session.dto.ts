import { Flag, Id, Moment, readSort, Sort, Text } from '../http/fields';
import { PageQuery, pageOf } from '../http/page-query';

export class SessionView {
  @Id({ description: 'Id of the session.' })
  id: string;

  @Flag({ description: 'Whether this is the session of the request.' })
  current: boolean;

  @Text({ description: '`User-Agent` header of the sign-in.', nullable: true, max: 500 })
  user_agent: string | null;

  @Text({ description: 'IP address of the sign-in.', nullable: true, max: 45 })
  ip: string | null;

  @Moment({ description: 'Timestamp of the sign-in.', answered: true })
  created_at: string;

  @Moment({
    description: 'Timestamp of the last refresh, or of the sign-in if there was none.',
    answered: true,
  })
  last_used_at: string;

  @Moment({ description: 'Timestamp at which the session expires unless it is refreshed.', answered: true })
  expires_at: string;
}

export const SessionPage = pageOf(SessionView, 'SessionPage');

const sortable = ['created_at', 'last_used_at'] as const;

export class SessionQuery extends PageQuery {
  @Sort({ by: sortable, default: '-last_used_at' })
  sort = readSort('-last_used_at');
}
