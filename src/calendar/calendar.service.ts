import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import ICAL from 'ical.js';
import { Database } from '../database/database';
import { CalendarEntry, CalendarRepository } from './calendar.repository';

/** Maximum number of tasks, and of goals, in a feed. Calendar applications always read the whole feed. */
export const maxEntries = 1000;

/** Days for which overdue entries are included. */
const overdueDays = 90;

/** Entries that are written without a pause. */
const entriesPerTurn = 10;

const calendarEnd = 'END:VCALENDAR\r\n';

/** How often calendar applications should refresh the feed. */
const refreshInterval = 'PT1H';

/** Lines have at most 75 octets. ical.js does not count the space at the start of a folded line. */
ICAL.foldLength = 74;

/** A property of jCal: https://www.rfc-editor.org/rfc/rfc7265#section-3.4 */
type Property = [name: string, parameters: object, type: string, value: string | number];

/** The current user's tasks and goals as an iCalendar feed. */
@Injectable()
export class CalendarService {
  constructor(
    private readonly calendar: CalendarRepository,
    private readonly database: Database,
  ) {}

  async feed(): Promise<string> {
    // In a transaction, so that one user writes few feeds at the same time.
    return this.database.readTransaction(async () => {
      const { tasks, goals } = await this.calendar.upcoming(overdueDays, maxEntries);
      return feedOf(tasks, goals);
    });
  }
}

/** Writes iCalendar: https://www.rfc-editor.org/rfc/rfc5545 */
export async function feedOf(tasks: CalendarEntry[], goals: CalendarEntry[]): Promise<string> {
  const properties: Property[] = [
    ['version', {}, 'text', '2.0'],
    ['prodid', {}, 'text', '-//Cairn//Cairn//EN'],
    ['method', {}, 'text', 'PUBLISH'],
    ['name', {}, 'text', 'Cairn'],
    ['x-wr-calname', {}, 'unknown', 'Cairn'],
    ['refresh-interval', {}, 'duration', refreshInterval],
    ['x-published-ttl', {}, 'unknown', refreshInterval],
  ];
  const empty = ICAL.stringify(['vcalendar', properties, []]);
  const parts = [empty.slice(0, -calendarEnd.length)];
  for (const [entries, category, prefix] of [
    [tasks, 'Task', ''],
    [goals, 'Goal', 'Goal: '],
  ] as const) {
    for (let first = 0; first < entries.length; first += entriesPerTurn) {
      const events = entries
        .slice(first, first + entriesPerTurn)
        .map((entry) => ICAL.stringify(event(entry, category, prefix + entry.title)));
      // One flat string: those of ical.js consist of many small ones, which take more memory.
      parts.push(Buffer.from(events.join('')).toString());
      // Other requests take turns with a large feed, which takes 150 ms in total.
      await setImmediate();
    }
  }
  return parts.join('') + calendarEnd;
}

/** Entries do not block time. An entry with a timestamp has no duration, an entry with a plain date is an all-day event. */
function event(entry: CalendarEntry, category: string, summary: string): [string, Property[], []] {
  const { id, description, due, priority, created_at, updated_at, version } = entry;
  const properties: Property[] = [
    ['uid', {}, 'text', `${category.toLowerCase()}-${id}@cairn`],
    ['dtstamp', {}, 'date-time', withoutFraction(updated_at)],
    due.length === 10 ? ['dtstart', {}, 'date', due] : ['dtstart', {}, 'date-time', withoutFraction(due)],
    ['summary', {}, 'text', printable(summary)],
    ...(description === null ? [] : [['description', {}, 'text', printable(description)] as Property]),
    ['categories', {}, 'text', category],
    // iCalendar's priorities are 1 to 9, Cairn's are 1 to 5.
    ...(priority === null ? [] : [['priority', {}, 'integer', 2 * priority - 1] as Property]),
    ['transp', {}, 'text', 'TRANSPARENT'],
    ['created', {}, 'date-time', withoutFraction(created_at)],
    ['last-modified', {}, 'date-time', withoutFraction(updated_at)],
    ['sequence', {}, 'integer', version],
  ];
  return ['vevent', properties, []];
}

/** iCalendar has no fractions of a second. */
function withoutFraction(timestamp: string): string {
  return timestamp.replace(/\.\d+/, '');
}

/** Removes the control characters that a content line cannot contain. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\r\n?/g, '\n').replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '');
}
