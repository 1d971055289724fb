import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import ICAL from 'ical.js';
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
  constructor(private readonly calendar: CalendarRepository) {}

  /** @returns iCalendar: https://www.rfc-editor.org/rfc/rfc5545 */
  async feed(): Promise<string> {
    const { tasks, goals } = await this.calendar.upcoming(overdueDays, maxEntries);
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
    let feed = empty.slice(0, -calendarEnd.length);
    let count = 0;
    for (const [entries, category, prefix] of [
      [tasks, 'Task', ''],
      [goals, 'Goal', 'Goal: '],
    ] as const) {
      for (const entry of entries) {
        feed += ICAL.stringify(event(entry, category, prefix + entry.title));
        // Other requests take turns with a large feed, which takes 150 ms in total.
        if (++count % entriesPerTurn === 0) await setImmediate();
      }
    }
    return feed + calendarEnd;
  }
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
