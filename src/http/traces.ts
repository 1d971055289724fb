import { context, propagation, ROOT_CONTEXT, Span, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import type { FastifyInstance } from 'fastify';
import { setError, tracer } from '../core/tracing';
import { pathToLog } from './fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined if traces are off. */
    span?: Span;
  }
}

/**
 * Records a span for each request, which continues the trace of a valid `traceparent` header. Call it before
 * `openRequestContext`. The attributes are those of
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span without the query, the headers and the
 * address of the client. The response has the `traceparent` of the span.
 */
export function traceRequests(fastify: FastifyInstance): void {
  fastify.decorateRequest('span', undefined);
  fastify.addHook('onRequest', (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url?.replace(/:(\w+)/g, '{$1}');
    const parent = propagation.extract(ROOT_CONTEXT, request.headers);
    const attributes = {
      'http.request.method': method,
      'http.route': route,
      'url.path': pathToLog(request.url),
      'url.scheme': request.protocol,
      'cairn.request_id': request.id,
    };
    const name = route === undefined ? method : `${method} ${route}`;
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    request.span = span;
    const { traceId, spanId, traceFlags } = span.spanContext();
    void reply.header('traceparent', `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`);
    context.with(trace.setSpan(parent, span), done);
  });
  fastify.addHook('onResponse', ({ span }, { statusCode }, done) => {
    span?.setAttribute('http.response.status_code', statusCode);
    if (span && statusCode >= 500) setError(span, String(statusCode));
    span?.end();
    done();
  });
}
