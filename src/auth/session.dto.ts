import { BooleanField, IdField, TextField, TimestampField } from '../http/body-fields';
import { SortParam } from '../http/query-params';
import { parseSort } from '../core/page-request';
import { PageQuery } from '../http/page-query';
import { pageOf } from '../http/views';

export class SessionView {
  @IdField({ description: 'Id of the session.' })
  id: string;

  @BooleanField({ description: 'Whether this is the session of the request.' })
  current: boolean;

  @TextField({ description: '`User-Agent` header of the sign-in.', nullable: true, max: 500 })
  user_agent: string | null;

  @TextField({ description: 'IP address of the sign-in.', nullable: true, max: 45 })
  ip: string | null;

  @TimestampField({ description: 'Timestamp of the sign-in.', inResponse: true })
  created_at: string;

  @TimestampField({
    description: 'Timestamp of the last refresh, or of the sign-in if there was none.',
    inResponse: true,
  })
  last_used_at: string;

  @TimestampField({
    description: 'Timestamp at which the session expires unless it is refreshed.',
    inResponse: true,
  })
  expires_at: string;
}

export const SessionPage = pageOf(SessionView, 'SessionPage');

const sortable = ['created_at', 'last_used_at'] as const;

export class SessionQuery extends PageQuery {
  @SortParam({ columns: sortable, default: '-last_used_at' })
  sort = parseSort('-last_used_at');
}
