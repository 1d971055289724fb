import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces } from '@nestjs/swagger';
import { ApiGroup } from '../http/api-group';
import { TokenInUrl } from '../http/access';
import { CalendarQuery } from './calendar.dto';
import { CalendarService, maxEntries } from './calendar.service';

@TokenInUrl()
@ApiGroup('Calendar', 'Due dates as a feed for calendar applications.', 9)
@Controller('calendar.ics')
export class CalendarController {
  constructor(private readonly calendar: CalendarService) {}

  @Get()
  @Header('content-type', 'text/calendar; charset=utf-8')
  @ApiProduces('text/calendar')
  @ApiOperation({
    summary: 'Get the calendar feed',
    description:
      'iCalendar feed (RFC 5545) of open tasks by due date and open goals by target date. To subscribe from a calendar ' +
      'application, create a personal access token with only the scope `read` and add `?token=<token>` to the URL. ' +
      `Contains at most ${maxEntries} tasks and ${maxEntries} goals, earliest first, starting with those due 90 days ago.`,
  })
  @ApiOkResponse({ schema: { type: 'string', maxLength: 10_000_000 }, description: 'The calendar feed.' })
  // The guard reads the token. The query is declared for its validation and for the OpenAPI document.
  getCalendarFeed(@Query() _query: CalendarQuery): Promise<string> {
    return this.calendar.feed();
  }
}
