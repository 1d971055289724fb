import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, TestApp } from '../setup/app';
import { run } from '../setup/processes';

/*
 * What others do with the OpenAPI document: linters check it, and clients that are generated from it, with the default
 * settings of their generators, use a running server.
 */
let app: TestApp;
beforeAll(async () => {
  app = await startApp();
  for (const folder of ['generated', 'build'])
    rmSync(join(__dirname, folder), { recursive: true, force: true });
  mkdirSync(join(__dirname, 'generated'));
  const document = await (await fetch(`${app.url}/openapi.json`)).text();
  writeFileSync(join(__dirname, 'generated/openapi.json'), document);
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

it('passes the linters, and its generated clients compile and run the whole scenario', async () => {
  const document = './generated/openapi.json';
  const lint = Promise.all([
    runTool('redocly', 'lint', document, '--format=json'),
    runTool('spectral', 'lint', document, '--ruleset=spectral.yaml', '--fail-severity=hint'),
  ]);
  await Promise.all([
    runTool('openapi-typescript', document, '--output=generated/openapi-typescript.ts'),
    runTool('openapi-ts', '--input', document, '--output', 'generated/hey-api'),
    runTool('orval', '--input', document, '--output', './generated/orval.ts'),
  ]);
  await runTool('tsc', '--project', '.');
  for (const client of ['openapi-fetch', 'hey-api', 'orval']) {
    const args = [`build/scenarios/${client}.js`, app.url, `${client}@example.com`];
    const scenario = run('node', args, {}, __dirname);
    expect([client, await scenario.ended, scenario.output()]).toEqual([client, 0, '']);
  }
  const [redocly] = await lint;
  expect(redocly).toMatch(/"totals":\s*\{\s*"errors": 0,\s*"warnings": 0,/);
});
