export function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(value);
}

/** Whether it is a UUID version 7 of the standard variant. */
export function isVersion7(value: unknown): value is string {
  return isId(value) && value[14] === '7' && '89ab'.includes(value[19]!.toLowerCase());
}
