import { Id, Integer, Moment } from './fields';

/** How every owned row begins when it is shown. */
export class Identified {
  @Id({ description: 'Unique id, assigned by the server.' })
  id: string;
}

/** How every task and goal ends when it is shown. */
export class Versioned {
  @Moment({ description: 'Timestamp of the creation.', answered: true })
  created_at: string;

  @Moment({ description: 'Timestamp of the last update.', answered: true })
  updated_at: string;

  @Integer({
    description: 'Version number. Starts at 1 and increases by 1 with each update.',
    min: 1,
    max: 2_147_483_647,
  })
  version: number;
}

/** How a summary shows a count. */
export const countSchema = { type: 'integer', minimum: 0 } as const;

/** How a summary shows counts of a vocabulary: each of its words is there. */
export function countsOf(words: readonly (string | number)[]) {
  const names = words.map(String);
  return {
    type: 'object',
    additionalProperties: false,
    required: names,
    properties: Object.fromEntries(names.map((name) => [name, countSchema])),
  } as const;
}
