import { runNode, RunningProcess } from './processes';
import { asRole } from './server';

/**
 * Starts the application from its sources, in production, on a free port.
 * @param databaseUrl for a superuser; the application connects as the login role
 * @param onSignal code that SIGUSR2 runs in its process
 */
export async function startInProduction(
  databaseUrl: string,
  onSignal: string,
  environment: NodeJS.ProcessEnv,
): Promise<RunningProcess & { url: string }> {
  const code = `require('./src/main.ts'); process.on('SIGUSR2', () => { ${onSignal} })`;
  const app = runNode(['-e', code], {
    NODE_ENV: 'production',
    DATABASE_URL: asRole(databaseUrl, 'cairn_login'),
    JWT_SECRET_KEY: 'x'.repeat(32),
    RATE_LIMITS: 'off',
    PORT: '0',
    SHUTDOWN_DELAY: '0',
    ...environment,
  });
  const [, url] = await app.waitForOutput(/Documentation: (http:[^\s"]+)\/docs/);
  return { ...app, url: url! };
}
