export const dateSchema = { type: String, format: 'date', example: '2026-11-21' } as const;

export const averageSchema = {
  type: Number,
  minimum: 0,
  description: 'To two digits after the point.',
} as const;
