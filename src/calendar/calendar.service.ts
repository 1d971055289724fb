import { Injectable } from '@nestjs/common';
import { ICalCalendar, ICalCalendarMethod, ICalEventTransparency } from 'ical-generator';
import { CalendarRepository, Dated } from './calendar.repository';

/** How many tasks, and how many goals, a feed has at most. Calendars read all of it each time. */
export const limit = 1000;

/** For so many days, what is overdue is still shown. */
const overdueDays = 90;

/** Seconds after which calendars may ask again. */
const refreshInterval = 3600;

/** The user's tasks and goals, as calendars understand them. */
@Injectable()
export class CalendarService {
  constructor(private readonly calendar: CalendarRepository) {}

  /** @returns iCalendar: https://www.rfc-editor.org/rfc/rfc5545 */
  async feed(): Promise<string> {
    const { tasks, goals } = await this.calendar.due(overdueDays, limit);
    const feed = new ICalCalendar({
      name: 'Cairn',
      prodId: { company: 'Cairn', product: 'Cairn', language: 'EN' },
      method: ICalCalendarMethod.PUBLISH,
      ttl: refreshInterval,
    });
    for (const task of tasks) addEvent(feed, task, 'Task', task.title);
    for (const goal of goals) addEvent(feed, goal, 'Goal', `Goal: ${goal.title}`);
    return feed.toString();
  }
}

/** It takes no time from the day: what is due at a moment has no length, and what is due on a day is beside its hours. */
function addEvent(feed: ICalCalendar, row: Dated, category: string, summary: string): void {
  const { id, description, due, priority, created_at, updated_at, version } = row;
  feed.createEvent({
    id: `${category.toLowerCase()}-${id}@cairn`,
    start: new Date(due),
    allDay: due.length === 10,
    summary: printable(summary),
    description: description === null ? null : printable(description),
    categories: [{ name: category }],
    // From 1 to 9 there; from 1 to 5 here.
    priority: priority === null ? null : 2 * priority - 1,
    transparency: ICalEventTransparency.TRANSPARENT,
    created: new Date(created_at),
    lastModified: new Date(updated_at),
    stamp: new Date(updated_at),
    sequence: version,
  });
}

/** Without the control characters that a content line cannot have. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\r\n?/g, '\n').replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '');
}
