import 'reflect-metadata';
import type { CalendarEntry } from './calendar.repository';
import { feedOf } from './calendar.service';

it('lets other work run while it writes a large feed', async () => {
  const entries = Array.from({ length: 1000 }, (_, n): CalendarEntry => {
    const timestamp = '2026-12-31T17:00:00.000Z';
    return {
      id: String(n),
      title: `Item ${n}`,
      description: null,
      due: '2026-12-31',
      priority: null,
      created_at: timestamp,
      updated_at: timestamp,
      version: 1,
    };
  });
  let turns = 0;
  let isDone = false;
  const takeTurns = () => {
    turns++;
    if (!isDone) setImmediate(takeTurns);
  };
  setImmediate(takeTurns);
  const feed = await feedOf(entries, entries);
  isDone = true;
  expect(turns).toBeGreaterThanOrEqual(199); // 2,000 entries, 10 at a time
  expect(feed.match(/^BEGIN:VEVENT\r$/gm)).toHaveLength(2000);
  expect(feed).toMatch(/^BEGIN:VCALENDAR\r\n[^]*\r\nEND:VCALENDAR\r\n$/);
});
