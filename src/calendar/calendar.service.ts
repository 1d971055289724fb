import { Injectable } from '@nestjs/common';
import ICAL from 'ical.js';
import { CalendarRepository, Dated } from './calendar.repository';

/** How many tasks, and how many goals, a feed has at most. Calendars read all of it each time. */
export const limit = 1000;

/** For so many days, what is overdue is still shown. */
const overdueDays = 90;

/** How long a calendar may wait until it asks again. */
const refreshInterval = 'PT1H';

/** Its folded lines begin with a space, which it does not count: with it, they have at most 75 octets. */
ICAL.foldLength = 74;

/** A property of jCal: https://www.rfc-editor.org/rfc/rfc7265#section-3.4 */
type Property = [name: string, parameters: object, type: string, value: string | number];

/** The user's tasks and goals, as calendars understand them. */
@Injectable()
export class CalendarService {
  constructor(private readonly calendar: CalendarRepository) {}

  /** @returns iCalendar: https://www.rfc-editor.org/rfc/rfc5545 */
  async feed(): Promise<string> {
    const { tasks, goals } = await this.calendar.due(overdueDays, limit);
    const properties: Property[] = [
      ['version', {}, 'text', '2.0'],
      ['prodid', {}, 'text', '-//Cairn//Cairn//EN'],
      ['method', {}, 'text', 'PUBLISH'],
      ['name', {}, 'text', 'Cairn'],
      ['x-wr-calname', {}, 'unknown', 'Cairn'],
      ['refresh-interval', {}, 'duration', refreshInterval],
      ['x-published-ttl', {}, 'unknown', refreshInterval],
    ];
    const events = [
      ...tasks.map((task) => event(task, 'Task', task.title)),
      ...goals.map((goal) => event(goal, 'Goal', `Goal: ${goal.title}`)),
    ];
    return ICAL.stringify(['vcalendar', properties, events]);
  }
}

/** It takes no time from the day: what is due at a moment has no length, and what is due on a day is beside its hours. */
function event(row: Dated, category: string, summary: string): [string, Property[], []] {
  const { id, description, due, priority, created_at, updated_at, version } = row;
  const properties: Property[] = [
    ['uid', {}, 'text', `${category.toLowerCase()}-${id}@cairn`],
    ['dtstamp', {}, 'date-time', toTheSecond(updated_at)],
    due.length === 10 ? ['dtstart', {}, 'date', due] : ['dtstart', {}, 'date-time', toTheSecond(due)],
    ['summary', {}, 'text', printable(summary)],
    ...(description === null ? [] : [['description', {}, 'text', printable(description)] as Property]),
    ['categories', {}, 'text', category],
    // From 1 to 9 there; from 1 to 5 here.
    ...(priority === null ? [] : [['priority', {}, 'integer', 2 * priority - 1] as Property]),
    ['transp', {}, 'text', 'TRANSPARENT'],
    ['created', {}, 'date-time', toTheSecond(created_at)],
    ['last-modified', {}, 'date-time', toTheSecond(updated_at)],
    ['sequence', {}, 'integer', version],
  ];
  return ['vevent', properties, []];
}

/** iCalendar has no fractions of a second. */
function toTheSecond(moment: string): string {
  return moment.replace(/\.\d+/, '');
}

/** Without the control characters that a content line cannot have. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\r\n?/g, '\n').replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '');
}
