import { Schema1795219200000 } from './1795219200000-schema';

/** Every migration, in the order in which they run. One that has landed is never edited. */
export const migrations = [Schema1795219200000];
