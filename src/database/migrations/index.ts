import { Schema1795219200000 } from './1795219200000-schema';
import { Walls1795222800000 } from './1795222800000-walls';

/** Every migration, in the order in which they run. One that has landed is never edited. */
export const migrations = [Schema1795219200000, Walls1795222800000];
