import { Id, Integer, Moment } from './fields';

/** How every owned row begins when it is shown. */
export class Identified {
  @Id({ description: 'Made by Cairn.' })
  id: string;
}

/** How every task and goal ends when it is shown. */
export class Versioned {
  @Moment({ description: 'When it was made.', answered: true })
  created_at: string;

  @Moment({ description: 'The last change.', answered: true })
  updated_at: string;

  @Integer({ description: 'One more with each change.', min: 1, max: 2_147_483_647 })
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
