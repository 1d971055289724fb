import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { diag, DiagLogLevel } from '@opentelemetry/api';
import type { NodeTracerProvider, SpanExporter } from '@opentelemetry/sdk-trace-node';
import { Config } from '../core/config';

/** Milliseconds within which the last spans must be sent when the application stops. */
const flushTimeout = 3000;

/** Sends the spans to the receiver that OTEL_EXPORTER_OTLP_ENDPOINT names, in the background. */
@Injectable()
export class TraceExporter implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Tracing');
  private provider?: NodeTracerProvider;

  constructor(private readonly config: Config) {}

  /** Loads the SDK only if it is needed. It reads its variables (OTEL_*) itself. */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.config.otlpEndpoint) return;
    const [{ BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, resources] = await Promise.all([
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ]);
    // For variables that the SDK cannot use. Failures to send spans are reported by `reporting`.
    const warn = (message: string) => this.logger.warn(message);
    diag.setLogger({ error: warn, warn, info: warn, debug: warn, verbose: warn }, DiagLogLevel.WARN);
    const resource = resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.name': 'cairn' }))
      .merge(resources.detectResources({ detectors: [resources.envDetector] }));
    // Spans wait in a queue of limited size. When it is full, further spans are dropped.
    const processor = new BatchSpanProcessor(this.reporting(new OTLPTraceExporter()));
    this.provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
    this.provider.register();
    diag.disable();
    this.logger.log(`Traces are sent to ${this.config.otlpEndpoint}`);
  }

  /** After the API has been closed, so that the spans of the last requests are sent too. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.race([
      this.provider?.shutdown().catch(() => undefined),
      delay(flushTimeout, undefined, { ref: false }),
    ]);
  }

  /** Logs when sending begins to fail, and when it succeeds again. */
  private reporting(exporter: SpanExporter): SpanExporter {
    let isFailing = false;
    return {
      export: (spans, done) =>
        exporter.export(spans, (result) => {
          const hasFailed = result.error !== undefined;
          if (hasFailed && !isFailing) this.logger.warn(`Traces cannot be sent: ${result.error?.message}`);
          if (!hasFailed && isFailing) this.logger.log('Traces are sent again');
          isFailing = hasFailed;
          done(result);
        }),
      forceFlush: async () => exporter.forceFlush?.(),
      shutdown: () => exporter.shutdown(),
    };
  }
}
