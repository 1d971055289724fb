import { Log } from './log';
import { runInRequest } from './request-context';

function logTo(environment: 'production' | 'development') {
  const lines: string[] = [];
  const log = new Log(
    { environment, logLevel: 'info', webConcurrency: 1 },
    { write: (line) => lines.push(line) },
  );
  return { log, lines };
}

const token = `cairn_${'x'.repeat(43)}`;
const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';

describe('in production', () => {
  it('each entry is one line of JSON', () => {
    const { log, lines } = logTo('production');
    log.log('Started', 'Cairn');
    log.warn({ msg: 'Slow', duration_ms: 3 }, 'SQL');
    log.error('Failed', 'Error: Failed\n    at line 1', 'Problem');
    log.fatal(new Error('Lost'), 'Cairn');
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string;
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: 'info', time, context: 'Cairn', msg: 'Started' },
      { level: 'warn', time, context: 'SQL', msg: 'Slow', duration_ms: 3 },
      { level: 'error', time, context: 'Problem', msg: 'Failed', stack: 'Error: Failed\n    at line 1' },
      {
        level: 'fatal',
        time,
        context: 'Cairn',
        msg: 'Error: Lost',
        stack: expect.stringMatching(/log.spec/) as string,
      },
    ]);
    expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
  });

  it('entries below the level, and the start-up messages of Nest, are not written', () => {
    const { log, lines } = logTo('production');
    log.debug('detail', 'SQL');
    log.log('Mapped {/tasks, GET} route', 'RouterExplorer');
    expect(lines).toEqual([]);
  });

  it('entries of a request contain its id', () => {
    const { log, lines } = logTo('production');
    const context = {
      id: 'abc',
      address: null,
      appendHeader: () => undefined,
      onClose: () => () => undefined,
    };
    runInRequest(context, () => log.warn('Refused', 'Problem'));
    expect(JSON.parse(lines[0]!)).toMatchObject({ request_id: 'abc', msg: 'Refused' });
  });

  it('secrets are not written, neither as fields nor in texts', () => {
    const { log, lines } = logTo('production');
    log.log({
      msg: 'Fields',
      headers: { authorization: 'hunter2', cookie: 'hunter2', 'set-cookie': 'hunter2' },
    });
    log.log({ msg: 'Fields', password: 'hunter2', body: { new_password: 'hunter2', token: 'hunter2' } });
    log.log({ msg: 'Fields', request: { body: { refresh_token: 'hunter2', current_password: 'hunter2' } } });
    log.warn(`Texts ${token} and Bearer ${jwt} and postgres://cairn:hunter2@localhost/cairn`, 'Mail');
    log.error('Error', `Error: ${token}\n    at smtps://me:hunter2@mail.example.com`, 'Mail');
    expect(lines.join('')).not.toMatch(/hunter2|xxx|eyJ/);
    expect(lines[3]).toContain('Texts *** and Bearer *** and postgres://cairn:***@localhost/cairn');
  });

  it('control characters are escaped, also those that JSON allows', () => {
    const { log, lines } = logTo('production');
    log.warn('a\r\nb\x1b[31mc\x7f\x9b31m\u2028', 'Mail');
    expect(lines[0]).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(lines[0]!)).toMatchObject({ msg: 'a\r\nb\x1b[31mc\x7f\x9b31m\u2028' });
  });

  it('long texts are cut', () => {
    const { log, lines } = logTo('production');
    log.error('m'.repeat(1_000_000), 's'.repeat(1_000_000), 'Problem');
    expect(lines[0]!.length).toBeLessThan(10_000);
  });
});

describe('in development', () => {
  it('entries are readable lines, followed by stack traces', () => {
    const { log, lines } = logTo('development');
    log.warn({ msg: 'Slow statement', kind: 'select', duration_ms: 12 }, 'SQL');
    log.error('Failed', 'Error: Failed\n    at line 1', 'Problem');
    const withoutTime = lines.map((line) => line.replace(/^\S+Z /, ''));
    expect(withoutTime).toEqual([
      'WARN [SQL] Slow statement kind="select" duration_ms=12\n',
      'ERROR [Problem] Failed\nError: Failed\n    at line 1\n',
    ]);
  });

  it('secrets and control characters are not written', () => {
    const { log, lines } = logTo('development');
    log.warn(`${token} a\r\nb\x1b[31mc\x9b31m`, 'Mail');
    log.error('Failed', `${jwt}\x1b[31m`, 'Problem');
    expect(lines.join('')).toMatch(
      /^\S+ WARN \[Mail\] \*\*\* a\\r\\nb\\u001b\[31mc\\u009b31m\n\S+ ERROR \[Problem\] Failed\n\*\*\*\?\[31m\n$/,
    );
  });
});
