import { createHash } from 'node:crypto';
import { CallHandler, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lastValueFrom } from 'rxjs';
import { JsonText } from '../core/json-text';
import { invalid } from '../core/problem';
import { currentPrecondition, currentUser, setPrecondition } from '../core/request-context';
import { Database } from '../database/database';
import { idempotencyKeyInUse, idempotencyKeyReused } from '../http/idempotency-keys';
import { IdempotencyKeysRepository, StoredResponse } from './idempotency-keys.repository';

/** Visible ASCII characters: a UUID, or any other unique text. */
const keyPattern = /^[\x21-\x7e]{1,255}$/;

/**
 * Handles a POST with an `Idempotency-Key` at most once: the response is stored in the same transaction as what the request
 * writes, and a repetition of the request gets it again. Only successful responses are stored: a request that failed
 * had no effect.
 */
@Injectable()
export class IdempotencyService {
  /** The requests of this process, by user and key. */
  private readonly running = new Set<string>();

  constructor(
    private readonly keys: IdempotencyKeysRepository,
    private readonly database: Database,
  ) {}

  /**
   * @returns the body of the response
   * @throws Problem 422 for an invalid key, or if the body is another one · Problem 409 while a request with the key runs
   */
  async handleOnce(
    key: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
    next: CallHandler,
  ): Promise<unknown> {
    if (typeof key !== 'string' || !keyPattern.test(key)) {
      const message = 'must have 1 to 255 visible ASCII characters without spaces';
      throw invalid([{ field: 'Idempotency-Key', code: 'format', message }]);
    }
    const keyHash = sha256(`POST\n${request.url}\n${key}`);
    return this.alone(keyHash, () => this.handleOrReplay(keyHash, request, reply, next));
  }

  /** @throws Problem 409 while this process handles another request with the key */
  private async alone<T>(keyHash: Buffer, work: () => Promise<T>): Promise<T> {
    const name = `${currentUser().userId} ${keyHash.toString('base64')}`;
    if (this.running.has(name)) throw idempotencyKeyInUse.create();
    this.running.add(name);
    try {
      return await work();
    } finally {
      this.running.delete(name);
    }
  }

  /** @throws Problem 409 while another process handles a request with the key · Problem 422 for another body */
  private handleOrReplay(
    keyHash: Buffer,
    { body }: FastifyRequest,
    reply: FastifyReply,
    next: CallHandler,
  ): Promise<unknown> {
    const bodyHash = sha256(JSON.stringify(body ?? null));
    const precondition = currentPrecondition();
    return this.database.writeTransaction(async () => {
      // A repetition is not refused because the first request has changed the version.
      setPrecondition(undefined);
      const stored = await this.keys.find(keyHash);
      setPrecondition(precondition);
      if (stored) return replay(stored, bodyHash, reply);
      const result: unknown = await lastValueFrom(next.handle());
      const text = result instanceof JsonText ? result.text : (JSON.stringify(result) as string | undefined);
      await this.keys.store(keyHash, { body_hash: bodyHash, status: reply.statusCode, body: text ?? null });
      return result;
    }, keyHash.toString('hex'));
  }
}

function replay({ body_hash, status, body }: StoredResponse, bodyHash: Buffer, reply: FastifyReply): unknown {
  if (!body_hash.equals(bodyHash)) throw idempotencyKeyReused.create();
  void reply.status(status).header('idempotency-replayed', 'true');
  return body === null ? undefined : new JsonText(body);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
