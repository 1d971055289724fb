import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { JsonPage } from '../core/json-text';
import type { PageRequest } from '../core/page-request';
import { unavailable } from '../core/problem';
import { bindToRequest, currentUser, onRequestClose } from '../core/request-context';
import type { OwnedRepository } from '../database/owned.repository';
import { UsersRepository } from '../users/users.repository';
import { exportRunning } from './export.problems';
import { ExportPartMetadata } from './exported.decorator';

/** Rows that are in memory at the same time. */
const pageSize = 200;

/** Maximum number of exports that are read from this instance at the same time. Each takes several megabytes. */
const maxReaders = 8;

/** Milliseconds within which a client must have read its export, so that slow ones do not keep out others forever. */
const maxReadingTime = 900_000;

/** Exports all data of the current user. */
@Injectable()
export class ExportService {
  /** The ids of users with a running export on this instance. Each export keeps a page in memory. */
  private readonly readers = new Set<string>();

  constructor(
    private readonly users: UsersRepository,
    private readonly discovery: DiscoveryService,
  ) {}

  /**
   * One JSON document, as a stream. Each page is read in a separate transaction, so that a slow client holds no connection
   * to the database. Changes made during the export may or may not be included. After an error the document is incomplete.
   * @throws Problem 409 `export_running` · Problem 503 if too many exports are being read
   */
  async stream(): Promise<Readable> {
    const { userId } = currentUser();
    if (this.readers.has(userId)) throw exportRunning.create();
    if (this.readers.size >= maxReaders)
      throw unavailable('Too many exports are in progress. Try again.', 10);
    this.readers.add(userId);
    const document = this.document();
    const next = bindToRequest(() => document.next());
    try {
      const first = await next(); // before the response starts, so that an error can be sent as a problem
      const stream = Readable.from(withFirst(first, next), { objectMode: false });
      // Nothing else destroys the stream if its response waits for another one on the same connection.
      onRequestClose(() => stream.destroy());
      const timer = setTimeout(
        () => stream.destroy(new Error('The export was read too slowly.')),
        maxReadingTime,
      );
      return stream.once('close', () => {
        clearTimeout(timer);
        this.readers.delete(userId);
      });
    } catch (error) {
      this.readers.delete(userId);
      throw error;
    }
  }

  private async *document(): AsyncGenerator<string, void> {
    const { userId, sessionId } = currentUser();
    const user = await this.users.find(userId);
    yield `{"exported_at":${JSON.stringify(new Date())},"user":${user.text}`;
    for (const { name, requiresSession, repository } of this.parts()) {
      if (requiresSession && sessionId === null) continue;
      yield* this.rows(name, repository);
    }
    yield '}';
  }

  /** The exported repositories, parents before their children. */
  private parts() {
    return this.discovery
      .getProviders({ metadataKey: ExportPartMetadata.KEY })
      .map((provider) => ({
        ...this.discovery.getMetadataByDecorator(ExportPartMetadata, provider)!,
        repository: provider.instance as OwnedRepository<PageRequest>,
      }))
      .sort((a, b) => a.repository.position - b.repository.position);
  }

  private async *rows(name: string, repository: OwnedRepository<PageRequest>): AsyncGenerator<string, void> {
    yield `,"${name}":[`;
    let page: JsonPage | undefined;
    do {
      const separator = page ? ',' : '';
      page = await repository.page({ sort: [], limit: pageSize, cursor: page?.nextCursor ?? undefined });
      if (page.items.length) yield separator + page.items.join(',');
    } while (page.nextCursor);
    yield ']';
  }
}

async function* withFirst<T>(
  first: IteratorResult<T, void>,
  next: () => Promise<IteratorResult<T, void>>,
): AsyncGenerator<T, void> {
  for (let part = first; !part.done; part = await next()) yield part.value;
}
