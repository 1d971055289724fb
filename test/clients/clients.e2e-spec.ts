import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenAPIObject } from '@nestjs/swagger';
import { startApp, TestApp } from '../setup/app';
import { runCli } from '../setup/cli';
import { run } from '../setup/processes';
import { asRole } from '../setup/server';

/*
 * What others do with the OpenAPI document: linters check it, clients that are generated from it with the default settings
 * of their generators use a running server, and Swagger UI calls every operation.
 */
const document = './generated/openapi.json';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
  for (const folder of ['generated', 'build'])
    rmSync(join(__dirname, folder), { recursive: true, force: true });
  mkdirSync(join(__dirname, 'generated'));
  const text = await (await fetch(`${app.url}/openapi.json`)).text();
  writeFileSync(join(__dirname, document), text);
  await Promise.all([
    runTool('openapi-typescript', document, '--output=generated/openapi-typescript.ts'),
    runTool('openapi-ts', '--input', document, '--output', 'generated/hey-api'),
    runTool('orval', '--input', document, '--output', './generated/orval.ts'),
  ]);
  await runTool('tsc', '--project', '.');
});
afterAll(() => app.close());

/** Runs a tool of this directory. @returns the output · @throws Error if the tool fails */
async function runTool(name: string, ...args: string[]): Promise<string> {
  const environment = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', CI: 'true' };
  const tool = run('node', [join(__dirname, 'node_modules/.bin', name), ...args], environment, __dirname);
  const code = await tool.ended;
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${tool.output()}`);
  return tool.output();
}

it('passes the linters without errors and warnings', async () => {
  const redocly = await runTool('redocly', 'lint', document, '--format=json');
  expect(redocly).toMatch(/"totals":\s*\{\s*"errors": 0,\s*"warnings": 0,/);
  await runTool('spectral', 'lint', document, '--ruleset=spectral.yaml', '--fail-severity=hint');
});

it.each(['openapi-fetch', 'hey-api', 'orval'])(
  'gives %s a client that runs the whole scenario',
  async (client) => {
    const args = [`build/scenarios/${client}.js`, app.url, `${client}@example.com`];
    const scenario = run('node', args, {}, __dirname);
    expect([await scenario.ended, scenario.output()]).toEqual([0, '']);
  },
);

// It takes minutes, so it runs only on request.
const browser = process.env.BROWSER;
if (!browser) process.stderr.write('Swagger UI is not tried in a browser: BROWSER is not set.\n');
(browser ? it : it.skip)(
  'can be tried in Swagger UI: every operation succeeds with its example',
  async () => {
    const secrets = { JWT_SECRET_KEY: 'a secret of the tests, long enough' };
    const seeded = await runCli(['seed'], {
      DATABASE_URL: asRole(app.databaseUrl, 'cairn_login'),
      ...secrets,
    });
    expect(seeded).toEqual([0, expect.any(String)]);
    const { paths, tags } = JSON.parse(readFileSync(join(__dirname, document), 'utf8')) as OpenAPIObject;
    const count = Object.values(paths).flatMap((item) => Object.keys(item)).length;
    const pressing = run('node', ['build/scenarios/swagger-ui.js', app.url, browser!], {}, __dirname);
    expect([await pressing.ended, JSON.parse(pressing.standardOutput() || '{}')]).toEqual([
      0,
      { groups: tags!.length, descriptions: tags!.length, isCollapsed: true, pressed: count, failures: [] },
    ]);
  },
);
