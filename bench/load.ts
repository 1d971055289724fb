import { connect } from 'node:net';

/** A request that is sent repeatedly. */
export interface Call {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/**
 * Sends each call repeatedly on a separate connection.
 * @returns responses per second
 * @throws Error for the first response without a success status
 */
export async function load(url: string, calls: Call[], seconds: number): Promise<number> {
  const deadline = Date.now() + seconds * 1000;
  const counts = await Promise.all(calls.map((call) => repeat(url, call, deadline)));
  return counts.reduce((sum, count) => sum + count, 0) / seconds;
}

/** Uses a plain socket, because an HTTP client would use more CPU time than the server. */
function repeat(url: string, { method, path, headers, body = '' }: Call, deadline: number): Promise<number> {
  const { hostname, port } = new URL(url);
  const lines = {
    host: 'x',
    ...headers,
    ...(body && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
  };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(request));
    socket.setNoDelay();
    let count = 0;
    let received = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
      if (received.length < end + 4 + length) return;
      if (!/^HTTP\/1.1 2/.test(received)) {
        socket.destroy();
        reject(new Error(`${method} ${path}: ${received}`));
        return;
      }
      count++;
      received = '';
      if (Date.now() < deadline) socket.write(request);
      else socket.end(() => resolve(count));
    });
  });
}
