import { Module } from '@nestjs/common';
import { TraceExporter } from './trace-exporter';

@Module({ providers: [TraceExporter] })
export class TracingModule {}
