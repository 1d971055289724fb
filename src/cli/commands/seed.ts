import { Command } from 'commander';
import { ConfigError } from '../../core/config';
import { seed } from '../seed';
import { withDatabase } from '../with-database';

export const command = new Command('seed').description('create demo data (development only)').action(() =>
  withDatabase(seed, ({ environment }) => {
    if (environment === 'production') {
      throw new ConfigError('The demo accounts have a known password and are not for production.');
    }
  }),
);
