import { Attributes, context, Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

/** Creates spans. They are recorded only after src/tracing has started the SDK. */
export const tracer = trace.getTracer('cairn');

/** Whether the work belongs to a request whose trace is recorded. */
export function isTraced(): boolean {
  return trace.getActiveSpan()?.isRecording() ?? false;
}

/** Runs `work` in a span below the current one, if `isTraced`. */
export function inSpan<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (!isTraced()) return work();
  return tracer.startActiveSpan(name, (span) => work().finally(() => span.end()));
}

/**
 * Adds a span below the current one for a call of another service that has ended.
 * @param start and `end`: as of performance.now()
 * @param errorType one of few values; undefined if the call succeeded
 */
export function addClientSpan(
  name: string,
  attributes: Attributes,
  start: number,
  end: number,
  errorType: string | undefined,
): void {
  const span = tracer.startSpan(
    name,
    { kind: SpanKind.CLIENT, attributes, startTime: start },
    context.active(),
  );
  if (errorType !== undefined) setError(span, errorType);
  span.end(end);
}

/** Without a message, because messages of PostgreSQL contain values. */
export function setError(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType).setStatus({ code: SpanStatusCode.ERROR });
}
