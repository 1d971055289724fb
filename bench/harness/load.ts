import { ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A request, without the parts that are the same for all requests of a connection. */
export interface LoadRequest {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  body?: string;
}

/** What one connection sends: its requests one after the other, again and again, each after the response to the last one. */
export interface Connection {
  token?: string;
  requests: LoadRequest[];
  /** The body of the next request is a member of the last response. */
  carries?: string;
}

export interface Load {
  url: string;
  connections: Connection[];
  seconds: number;
}

export interface LoadResult {
  /** Responses with a success status. */
  responses: number;
  /** From the first request to the last response. */
  seconds: number;
  /** Other responses, and connections that broke. */
  errors: number;
  firstError?: string;
  /** Times from a request to the end of its response, in milliseconds. */
  latency: { p50: number; p95: number; p99: number };
}

/** Sends requests from another process, so that measuring does not disturb the measurement. */
export class LoadGenerator {
  private readonly child: ChildProcess = fork(join(__dirname, 'load-process.ts'), {
    execArgv: ['-r', '@swc-node/register'],
    serialization: 'advanced',
  });

  async send(load: Load): Promise<LoadResult> {
    this.child.send(load);
    const [result] = (await once(this.child, 'message')) as [LoadResult];
    return result;
  }

  stop(): void {
    this.child.kill();
  }
}
