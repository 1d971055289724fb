import { connect } from 'node:net';

/** A request, the same each time or made anew. */
export interface Call {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/**
 * Sends calls over keep-alive connections, one after the other on each, for so many seconds.
 * @returns answers per second
 * @throws Error at the first answer that is no success
 */
export async function load(url: string, calls: Call[], seconds: number): Promise<number> {
  const until = Date.now() + seconds * 1000;
  const counts = await Promise.all(calls.map((call) => loop(url, call, until)));
  return counts.reduce((sum, count) => sum + count, 0) / seconds;
}

/** A plain socket: an HTTP client would take more of the machine than what is measured. */
function loop(url: string, { method, path, headers, body = '' }: Call, until: number): Promise<number> {
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
    let heard = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      const end = heard.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(heard)?.[1] ?? 0);
      if (heard.length < end + 4 + length) return;
      if (!/^HTTP\/1.1 2/.test(heard)) {
        socket.destroy();
        reject(new Error(`${method} ${path}: ${heard}`));
        return;
      }
      count++;
      heard = '';
      if (Date.now() < until) socket.write(request);
      else socket.end(() => resolve(count));
    });
  });
}
