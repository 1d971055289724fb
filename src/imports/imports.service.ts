import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Config } from '../core/config';
import type { JsonText } from '../core/json-text';
import { invalid, unavailable } from '../core/problem';
import { readBody } from '../http/body-stream';
import { ImportQueue } from './import-queue';
import { ImportRunner } from './import-runner';
import { ImportsRepository } from './imports.repository';

/** Imports of all users that are not finished: their documents are stored in the database. */
const maxUnfinished = 20;

/** Bytes of a document that are stored in one row. */
const partSize = 524_288;

/** Receives the documents of imports. */
@Injectable()
export class ImportsService {
  constructor(
    private readonly imports: ImportsRepository,
    private readonly queue: ImportQueue,
    private readonly runner: ImportRunner,
    private readonly config: Config,
  ) {}

  /**
   * Stores a document, which is then imported in the background.
   * @param validateOnly the import is rolled back at its end
   * @returns the import
   * @throws Problem 409 `import_running` · Problem 413 · Problem 422 without a document · Problem 503 if too many imports
   * wait
   */
  async start(request: FastifyRequest, validateOnly: boolean): Promise<JsonText> {
    try {
      return await this.receive(request, validateOnly);
    } finally {
      // What was not read is discarded. Otherwise the server would not notice that the client closes the connection.
      request.raw.resume();
      this.runner.wake();
    }
  }

  private async receive(request: FastifyRequest, validateOnly: boolean): Promise<JsonText> {
    if ((await this.queue.length()) >= maxUnfinished)
      throw unavailable('Too many imports are in progress. Try again.', 60);
    const id = await this.imports.start(validateOnly);
    try {
      let number = 0;
      for await (const part of readBody(request, this.config.importMaxBytes, partSize))
        await this.imports.addPart(id, number++, part);
      if (number === 0)
        throw invalid([{ field: '', code: 'required', message: 'The request body must be an export.' }]);
      return await this.imports.enqueue(id);
    } catch (error) {
      // If the database cannot be reached either, the upload is replaced by the next one.
      await this.imports.cancel(id).catch(() => undefined);
      throw error;
    }
  }
}
