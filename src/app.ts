import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module';
import type { Config } from './core/config';
import { openBoxPerRequest } from './core/request-context';
import {
  createAdapter,
  nameAndLogRequests,
  refuseOtherMethods,
  refuseUnreadableQueries,
} from './http/fastify';
import { acceptJsonBodies } from './http/json-body';
import { sendJsonText } from './core/json-text';
import { serveOpenApi } from './http/openapi';
import { ProblemFilter } from './http/problem.filter';
import { validationPipe } from './http/validation';
import { Log } from './core/log';

/**
 * The application, ready to listen. main, tests and benchmarks all use this one.
 * @param config names a database that has been migrated
 * @throws Error when the database cannot be reached
 */
export async function createApp(config: Config): Promise<NestFastifyApplication> {
  const adapter = createAdapter(config);
  const fastify = adapter.getInstance();
  const answerOtherMethods = refuseOtherMethods(fastify);
  openBoxPerRequest(fastify);
  nameAndLogRequests(fastify);
  refuseUnreadableQueries(fastify);
  sendJsonText(fastify);
  acceptJsonBodies(fastify);

  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config), adapter, {
    bodyParser: false,
    abortOnError: false,
    logger: new Log(config),
  });
  if (config.corsOrigins.length) {
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
    const origin = config.corsOrigins.includes('*') ? '*' : [...config.corsOrigins];
    app.enableCors({
      origin,
      methods,
      exposedHeaders: ['Link', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id'],
      maxAge: 3600,
    });
  }
  app.setGlobalPrefix('api/v1', { exclude: ['health', 'health/live', 'health/ready'] });
  app.useGlobalPipes(validationPipe);
  app.useGlobalFilters(new ProblemFilter());
  serveOpenApi(app);
  await app.init();
  answerOtherMethods();
  return app;
}
