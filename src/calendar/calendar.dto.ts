import { TextParameter } from '../http/fields';

export class CalendarQuery {
  @TextParameter({
    description:
      'A personal token that can only `read`. Who has this address can read the feed, until it is revoked.',
    max: 100,
  })
  token?: string;
}
