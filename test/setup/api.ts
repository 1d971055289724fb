import request, { Test } from 'supertest';
import type { Contract } from './contract';

const prefix = '/api/v1';

/** Calls the API over HTTP, and checks every request that succeeds and every response against the OpenAPI document. */
export class Api {
  constructor(
    readonly url: string,
    private readonly contract: Contract,
    private readonly token?: string,
    private readonly isLenient = false,
  ) {}

  withToken(token: string): Api {
    return new Api(this.url, this.contract, token);
  }

  /**
   * For requests that the server accepts although the document describes only one form of their values: synonyms of
   * enum values, texts that are trimmed.
   */
  lenient(): Api {
    return new Api(this.url, this.contract, this.token, true);
  }

  get(path: string): Test {
    return this.call('get', path);
  }

  post(path: string, body?: object): Test {
    return this.call('post', path, body);
  }

  put(path: string, body?: object): Test {
    return this.call('put', path, body);
  }

  patch(path: string, body?: object): Test {
    return this.call('patch', path, body);
  }

  delete(path: string, body?: object): Test {
    return this.call('delete', path, body);
  }

  /** @param path below /api/v1; with two leading slashes, from the root */
  call(method: 'get' | 'post' | 'put' | 'patch' | 'delete', path: string, body?: object): Test {
    const url = path.startsWith('//') ? path.slice(1) : prefix + path;
    const test = request(this.url)[method](url);
    if (this.token) void test.set('authorization', `Bearer ${this.token}`);
    if (body) void test.send(body);
    return test.expect((response) =>
      this.contract.check(method, url, response, this.isLenient ? undefined : { body }),
    );
  }
}
