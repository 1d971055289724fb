import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectFolder } from '../../src/core/config';
import { newDatabase } from '../setup/app';
import { runCommand } from '../setup/cli';
import { run, runNode } from '../setup/processes';
import { asRole } from '../setup/server';

/*
 * The containers themselves are not started. These tests check what their files name: settings, commands and paths.
 */

interface Service {
  build?: string;
  image: string;
  command?: string[];
  environment: Record<string, string>;
  volumes?: string[];
  depends_on?: Record<string, unknown>;
}

const read = (path: string) => readFileSync(join(projectFolder, path), 'utf8');
const dockerfile = read('Dockerfile');
const composeText = read('compose.yaml');
const unit = read('deploy/cairn.service');
const { services } = parse(composeText) as { services: Record<string, Service> };
const ownServices = Object.entries(services).filter(([, { build }]) => build !== undefined);
const settings = [...read('.env.example').matchAll(/^([A-Z_0-9]+)=/gm)].map(([, name]) => name!);

/** The arguments of the commands that run Cairn. */
const commands: [string, string[]][] = [
  ['Dockerfile', JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)![1]!) as string[]],
  ['cairn.service', /^ExecStart=(.*)$/m.exec(unit)![1]!.split(' ')],
  ...ownServices.flatMap(([name, { command }]): [string, string[]][] => (command ? [[name, command]] : [])),
];

it.each(commands)(
  '%s runs a file that the build creates, with a command that exists',
  async (_name, command) => {
    const [node, file, subcommand] = command;
    expect(node).toMatch(/(^|\/)node$/);
    expect(existsSync(join(projectFolder, file!.replace(/^dist/, 'src').replace(/\.js$/, '.ts')))).toBe(true);
    if (subcommand === undefined) return;
    const [status, help] = await runCommand(['help', subcommand], {});
    expect([status, help]).toEqual([0, expect.stringContaining(`Usage: npm run cli -- ${subcommand} `)]);
  },
);

it('all variables of the containers and the unit are settings, and the production settings are complete', () => {
  const ofUnit = [...unit.matchAll(/^Environment=(\w+)=/gm)].map(([, name]) => name);
  const ofImage = [...dockerfile.matchAll(/^ENV (.*)$/gm)].flatMap(([, pairs]) =>
    pairs!.split(' ').map((pair) => pair.split('=')[0]),
  );
  const ofServices = ownServices.flatMap(([, { environment }]) => Object.keys(environment));
  for (const name of [...ofUnit, ...ofImage, ...ofServices]) expect(settings).toContain(name);
  expect(ofImage).toEqual(['NODE_ENV', 'HOST']);
  expect(ofUnit).toEqual(['NODE_ENV']);
  expect(Object.keys(services.app!.environment)).toEqual(
    expect.arrayContaining(['DATABASE_URL', 'JWT_SECRET_KEY']),
  );
});

it('every secret of compose.yaml is required, and docs/deployment.md creates it', () => {
  const required = [...composeText.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name!);
  const others = [...composeText.matchAll(/\$\{(\w+)(?!:\?)\b[^?]*?\}/g)].map(([, name]) => name!);
  const documented = [...read('docs/deployment.md').matchAll(/^([A-Z_]+)=\$\(openssl/gm)].map(
    ([, name]) => name,
  );
  expect(documented).toEqual(expect.arrayContaining([...new Set(required)]));
  for (const name of others) if (/PASSWORD|JWT_SECRET/.test(name)) expect(required).toContain(name);
  // Passwords in URLs and elsewhere come from variables.
  expect(composeText.match(/(?<=:\/\/\w+:)[^@]+(?=@)/g)).toEqual([
    '${CAIRN_OWNER_PASSWORD}',
    '${CAIRN_LOGIN_PASSWORD}',
  ]);
});

it('all files and services that are named exist', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths]) =>
    paths!.split(' '),
  );
  const mounted = Object.values(services).flatMap(({ volumes = [] }) =>
    volumes.filter((volume) => volume.startsWith('./')).map((volume) => volume.split(':')[0]!),
  );
  expect([copied.length, mounted.length]).toEqual([6, 3]);
  for (const path of [...copied, ...mounted])
    expect([path, existsSync(join(projectFolder, path))]).toEqual([path, true]);
  const included = read('.dockerignore').split('\n');
  for (const path of copied) expect(included).toContain(`!${path.replace('./', '')}`);

  for (const { depends_on = {}, environment } of Object.values(services)) {
    for (const name of Object.keys(depends_on)) expect(services).toHaveProperty(name);
    for (const value of Object.values(environment)) {
      const host = /@(\w+):\d+\//.exec(value)?.[1];
      if (host !== undefined) expect(services).toHaveProperty(host);
    }
  }
  const pooler = read('deploy/pgbouncer.ini');
  const [, port] = /^listen_port = (\d+)$/m.exec(pooler)!;
  expect(services.app!.environment.DATABASE_URL).toContain(`@pgbouncer:${port}/`);
  expect(pooler).toMatch(/^cairn = host=postgres port=5432 dbname=cairn$/m);
});

it('the health check of the image succeeds while the application runs, and fails otherwise', async () => {
  const [file, ...args] = JSON.parse(/^HEALTHCHECK .*CMD (\[.*\])$/m.exec(dockerfile)![1]!) as string[];
  const app = runNode(['src/main.ts'], {
    DATABASE_URL: asRole(await newDatabase(), 'cairn_login'),
    JWT_SECRET_KEY: 'x'.repeat(32),
    PORT: '0',
  });
  const [, port] = await app.waitForOutput(/Documentation: http:\S+:(\d+)\/docs/);
  expect(await run(file!, args, { PORT: port }).ended).toBe(0);
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);
  expect(await run(file!, args, { PORT: port }).ended).toBe(1);
});
