import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { TokenInUrl, VerifiedOnly } from '../http/access';
import { CalendarQuery } from './calendar.dto';
import { CalendarService, limit } from './calendar.service';

@TokenInUrl()
@VerifiedOnly()
@ApiTags('Calendar')
@Controller('calendar.ics')
export class CalendarController {
  constructor(private readonly calendar: CalendarService) {}

  @Get()
  @Header('content-type', 'text/calendar; charset=utf-8')
  @ApiProduces('text/calendar')
  @ApiOperation({
    summary: 'Subscribe to what is due',
    description:
      'An iCalendar feed (RFC 5545) of open tasks by due date, and of open goals by target date. Calendars ask for it by ' +
      `its address alone: make a personal token with the scope \`read\`, and add \`?token=…\`. At most ${limit} of each: ` +
      'those that are due next, from 90 days ago on.',
  })
  @ApiOkResponse({ schema: { type: 'string' } })
  // The guard has read the token; it is declared here so that the document knows it.
  feed(@Query() _query: CalendarQuery): Promise<string> {
    return this.calendar.feed();
  }
}
