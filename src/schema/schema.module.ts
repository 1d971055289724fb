import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Config } from '../core/config';
import { dataSourceOptions } from './data-source';

/** Provides the DataSource to all modules. */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [Config],
      useFactory: (config: Config) => ({ ...dataSourceOptions(config), retryAttempts: 1 }),
    }),
  ],
})
export class SchemaModule {}
