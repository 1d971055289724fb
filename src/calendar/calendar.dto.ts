import { TextParam } from '../http/query-params';

export class CalendarQuery {
  @TextParam({
    description:
      'A personal access token with only the scope `read`. Anyone who knows the URL can read the feed until the token is revoked.',
    max: 100,
  })
  token?: string;
}
