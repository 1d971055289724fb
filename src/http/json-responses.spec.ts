import { connect } from 'node:net';
import fastify from 'fastify';
import { setCurrentUser } from '../core/request-context';
import { openRequestContext } from './fastify';
import { boundUnsentResponses } from './json-responses';
import { sendProblem } from './problem.filter';

it('counts large responses of users until they are sent, and refuses those that cannot be held', async () => {
  const server = fastify();
  server.setErrorHandler(sendProblem);
  openRequestContext(server);
  const held: [user: string, length: number][] = [];
  let canHold = true;
  let releases = 0;
  let onRelease: () => void = () => undefined;
  boundUnsentResponses(server, (user, length) => {
    held.push([user, length]);
    if (!canHold) return undefined;
    return () => {
      releases++;
      onRelease();
    };
  });
  server.get<{ Querystring: { length: string; user?: string } }>('/', ({ query }) => {
    const { user: userId, length } = query;
    if (userId) setCurrentUser({ userId, sessionId: null, tokenId: null, mustBeVerified: false });
    return 'x'.repeat(Number(length));
  });
  const url = await server.listen({ port: 0 });
  const statusOf = async (query: string) => {
    const response = await fetch(`${url}/?${query}`);
    await response.text();
    return [response.status, response.headers.get('retry-after')];
  };

  const released = new Promise<void>((resolve) => (onRelease = resolve));
  expect(await statusOf('user=a&length=65537')).toEqual([200, null]);
  await released;
  expect(await statusOf('user=a&length=65536')).toEqual([200, null]);
  expect(await statusOf('length=65537')).toEqual([200, null]);
  expect(held).toEqual([['a', 65_537]]);
  expect(releases).toBe(1);
  canHold = false;
  expect(await statusOf('user=a&length=65537')).toEqual([503, '1']);
  expect(await statusOf('user=a&length=65536')).toEqual([200, null]);
  await server.close();
});

it('closes the connection of a client that does not receive a large response in time', async () => {
  const server = fastify();
  openRequestContext(server);
  let onRelease!: () => void;
  const released = new Promise<void>((resolve) => (onRelease = resolve));
  boundUnsentResponses(server, () => onRelease, 1);
  server.get('/', () => {
    setCurrentUser({ userId: 'a', sessionId: null, tokenId: null, mustBeVerified: false });
    return 'x'.repeat(50_000_000);
  });
  const url = await server.listen({ port: 0 });
  const client = connect(Number(new URL(url).port), 'localhost');
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await released;
  client.destroy();
  await server.close();
});

it('counts responses until the connection closes, also those that wait for earlier ones on it', async () => {
  const server = fastify();
  openRequestContext(server);
  const requests = 5;
  let held = 0;
  let onHeld!: () => void;
  let onReleased!: () => void;
  const [allHeld, allReleased] = [
    new Promise<void>((resolve) => (onHeld = resolve)),
    new Promise<void>((resolve) => (onReleased = resolve)),
  ];
  boundUnsentResponses(server, () => {
    if (++held === requests) onHeld();
    return () => {
      if (--held === 0) onReleased();
    };
  });
  server.get('/', async () => {
    setCurrentUser({ userId: 'a', sessionId: null, tokenId: null, mustBeVerified: false });
    await allStarted();
    return 'x'.repeat(10_000_000);
  });
  let started = 0;
  let onStarted!: () => void;
  const start = new Promise<void>((resolve) => (onStarted = resolve));
  const allStarted = () => {
    if (++started === requests) onStarted();
    return start;
  };
  const url = await server.listen({ port: 0 });
  const client = connect(Number(new URL(url).port), 'localhost');
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(requests));
  await allHeld;
  client.destroy();
  await allReleased;
  await server.close();
});
