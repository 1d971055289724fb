import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import fastify from 'fastify';
import { openRequestContext } from './fastify';
import { sendProblem } from './problem.filter';
import { RequestBodies } from './request-bodies';

it('counts bodies until their responses are sent, and refuses what is too much of an owner or of all', async () => {
  const server = fastify({ bodyLimit: 100 });
  server.setErrorHandler(sendProblem);
  openRequestContext(server);
  const bodies = new RequestBodies({ ofOwner: 100, large: 150, ordinary: 20 }, 19);
  server.addHook('preParsing', (request, _reply, payload, done) => {
    bodies.hold(String(request.headers.owner), request);
    done(null, payload);
  });
  server.post('/', () => ({}));
  const url = await server.listen({ port: 0 });
  const statusOf = async (owner: string, length: number) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { owner, 'content-type': 'application/json' },
      body: `"${'x'.repeat(length - 2)}"`,
    });
    await response.text();
    return [response.status, response.headers.get('retry-after')];
  };
  /** Sends headers without the body. @returns the client, and a promise that the server has seen it close */
  const announce = async (owner: string, header: string) => {
    const counted = new Promise<void>((resolve) => {
      const hold = bodies.hold.bind(bodies);
      jest.spyOn(bodies, 'hold').mockImplementationOnce((...args) => {
        hold(...args);
        resolve();
      });
    });
    const connected = once(server.server, 'connection');
    const client = connect(Number(new URL(url).port), 'localhost');
    client.write(
      `POST / HTTP/1.1\r\nhost: x\r\nowner: ${owner}\r\ncontent-type: application/json\r\n${header}\r\n\r\n`,
    );
    await counted;
    const [peer] = (await connected) as [EventEmitter];
    peer.on('error', () => undefined); // the body is cut off
    return { client, closed: new Promise((resolve) => peer.once('close', resolve)) };
  };
  const { client, closed } = await announce('a', 'content-length: 80');
  expect(await statusOf('a', 21)).toEqual([429, '1']);
  expect(await statusOf('a', 20)).toEqual([200, null]);
  expect(await statusOf('b', 71)).toEqual([503, '1']);
  expect(await statusOf('b', 70)).toEqual([200, null]);
  expect(await statusOf('b', 101)).toEqual([413, null]);

  // Large and ordinary bodies do not displace each other.
  const large = await announce('d', 'content-length: 70');
  expect(await statusOf('b', 20)).toEqual([503, '1']);
  expect(await statusOf('b', 19)).toEqual([200, null]);
  const ordinary = await announce('e', 'content-length: 19');
  expect(await statusOf('b', 2)).toEqual([503, '1']);
  for (const other of [large, ordinary]) {
    other.client.destroy();
    await other.closed;
  }
  client.destroy();
  await closed;
  expect(await statusOf('a', 100)).toEqual([200, null]);
  expect(await statusOf('b', 100)).toEqual([200, null]);
  expect(await statusOf('b', 19)).toEqual([200, null]);

  // Without a length, the body can be as long as the limit.
  const chunked = await announce('c', 'transfer-encoding: chunked');
  expect(await statusOf('c', 2)).toEqual([429, '1']);
  chunked.client.destroy();
  await server.close();
});
