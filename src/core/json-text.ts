/** JSON text that is sent unchanged, usually written by PostgreSQL. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** One page of a list: `{"items": […], "next_cursor": …}`, with `total` if it was requested. */
export class JsonPage extends JsonText {
  constructor(
    readonly items: string[],
    readonly nextCursor: string | null,
    total?: number,
  ) {
    const totalMember = total === undefined ? '' : `,"total":${total}`;
    super(`{"items":[${items.join(',')}],"next_cursor":${JSON.stringify(nextCursor)}${totalMember}}`);
  }
}
