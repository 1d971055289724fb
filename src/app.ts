import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module';
import type { Config } from './core/config';
import { Log } from './core/log';
import { ShutdownState } from './core/shutdown-state';
import { Database } from './database/database';
import { compressResponses } from './http/compression';
import { handleConditionalRequests } from './http/conditional-requests';
import { allowOrigins } from './http/cors';
import { readDryRun } from './http/dry-run';
import {
  addHeaders,
  closeConnectionsAtShutdown,
  createAdapter,
  logRequests,
  openRequestContext,
  refuseInvalidQueries,
  refuseOtherMethods,
} from './http/fastify';
import { acceptJsonBodies } from './http/json-body';
import { boundUnsentResponses, sendJsonText, sendLocations } from './http/json-responses';
import { serveOpenApi } from './http/openapi';
import { ProblemFilter } from './http/problem.filter';
import { traceRequests } from './http/traces';
import { validationPipe } from './http/validation';

/**
 * Creates the application, ready to listen: for main, the tests and the benchmarks.
 * @param config with the URL of a migrated database
 * @throws Error when the database cannot be reached
 */
export async function createApp(config: Config): Promise<NestFastifyApplication> {
  const log = new Log(config);
  const adapter = createAdapter(config);
  const fastify = adapter.getInstance();
  const addMethodErrors = refuseOtherMethods(fastify);
  if (config.otlpEndpoint) traceRequests(fastify);
  openRequestContext(fastify);
  addHeaders(fastify);
  logRequests(fastify, log, config.slowRequestMs);
  refuseInvalidQueries(fastify);
  sendJsonText(fastify);
  sendLocations(fastify);
  handleConditionalRequests(fastify);
  readDryRun(fastify);
  acceptJsonBodies(fastify);

  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config), adapter, {
    bodyParser: false,
    abortOnError: false,
    logger: log,
  });
  const database = app.get(Database);
  boundUnsentResponses(fastify, (userId, length) => database.holdResponse(userId, length));
  compressResponses(fastify);
  // After compression, which takes a moment in which the server may begin to stop.
  closeConnectionsAtShutdown(fastify, app.get(ShutdownState));
  if (config.corsOrigins.length) allowOrigins(fastify, config.corsOrigins);
  app.setGlobalPrefix('api/v1', { exclude: ['health', 'health/live', 'health/ready'] });
  app.useGlobalPipes(validationPipe);
  app.useGlobalFilters(new ProblemFilter());
  serveOpenApi(app);
  await app.init();
  addMethodErrors();
  return app;
}
