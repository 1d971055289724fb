import { TextParameter } from '../http/fields';

export class CalendarQuery {
  @TextParameter({
    description:
      'A personal access token with only the scope `read`. Anyone who knows the URL can read the feed until the token is revoked.',
    max: 100,
  })
  token?: string;
}
