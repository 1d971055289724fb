import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { PersonalTokensRepository } from '../auth/personal-tokens.repository';
import { SessionsRepository } from '../auth/sessions.repository';
import type { OwnedRepository } from '../database/owned.repository';
import type { PageRequest } from '../database/keyset';
import { GoalsRepository } from '../goals/goals.repository';
import { ChangesRepository } from '../history/changes.repository';
import { currentUser, inThisRequest } from '../core/request-context';
import type { JsonPage } from '../core/json-text';
import { Problem, unavailable } from '../core/problem';
import { TagsRepository } from '../tags/tags.repository';
import { TasksRepository } from '../tasks/tasks.repository';
import { TimeEntriesRepository } from '../time-entries/time-entries.repository';
import { UsersRepository } from '../users/users.repository';

/** Rows that are in memory at a time. */
const limit = 200;

const maxReaders = 20;

/** Everything that belongs to the current user. */
@Injectable()
export class ExportService {
  /** The users whose exports are being read, from this instance: each keeps a page in memory. */
  private readonly readers = new Set<string>();

  constructor(
    private readonly users: UsersRepository,
    private readonly goals: GoalsRepository,
    private readonly tasks: TasksRepository,
    private readonly tags: TagsRepository,
    private readonly timeEntries: TimeEntriesRepository,
    private readonly changes: ChangesRepository,
    private readonly sessions: SessionsRepository,
    private readonly tokens: PersonalTokensRepository,
  ) {}

  /**
   * One JSON document, as a stream. Each page is a request of its own to the database, so that a slow reader holds none of
   * its connections; what is written meanwhile may be in it or not. When it fails, the document stays without its end.
   */
  async stream(): Promise<Readable> {
    const { user_id } = currentUser();
    if (this.readers.has(user_id))
      throw new Problem(
        409,
        'export_running',
        'Another export of your data is still in progress. Wait until it ends.',
      );
    if (this.readers.size >= maxReaders)
      throw unavailable('Too many exports are in progress. Try again.', 10);
    this.readers.add(user_id);
    const document = this.document();
    const next = inThisRequest(() => document.next());
    try {
      const first = await next(); // before the answer begins: what fails here is answered as it should be
      const stream = Readable.from(relay(first, next), { objectMode: false });
      return stream.once('close', () => this.readers.delete(user_id));
    } catch (error) {
      this.readers.delete(user_id);
      throw error;
    }
  }

  private async *document(): AsyncGenerator<string, void> {
    const user = await this.users.find(currentUser().user_id);
    yield `{"exported_at":${JSON.stringify(new Date())},"user":${user.text}`;
    yield* this.list('goals', this.goals);
    yield* this.list('tasks', this.tasks);
    yield* this.list('tags', this.tags);
    yield* this.list('time_entries', this.timeEntries);
    yield `,"dependencies":${(await this.tasks.dependencies()).text}`;
    yield* this.list('history', this.changes);
    if (currentUser().session_id !== null) {
      yield* this.list('sessions', this.sessions);
      yield* this.list('tokens', this.tokens);
    }
    yield '}';
  }

  private async *list(name: string, rows: OwnedRepository<PageRequest>): AsyncGenerator<string, void> {
    yield `,"${name}":[`;
    let page: JsonPage | undefined;
    do {
      const separator = page ? ',' : '';
      page = await rows.page({ sort: [], limit, cursor: page?.next_cursor ?? undefined });
      if (page.items.length) yield separator + page.items.join(',');
    } while (page.next_cursor);
    yield ']';
  }
}

async function* relay<T>(
  first: IteratorResult<T, void>,
  next: () => Promise<IteratorResult<T, void>>,
): AsyncGenerator<T, void> {
  for (let part = first; !part.done; part = await next()) yield part.value;
}
