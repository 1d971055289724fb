/** JSON text that is sent unchanged, usually written by PostgreSQL. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** One page of a list: `{"items": […], "next_cursor": …}`, with `total` or `totals` if they were requested. */
export class JsonPage extends JsonText {
  constructor(
    readonly items: string[],
    readonly nextCursor: string | null,
    total?: number,
    totals?: JsonText,
  ) {
    const totalMember = total === undefined ? '' : `,"total":${total}`;
    const totalsMember = totals === undefined ? '' : `,"totals":${totals.text}`;
    const cursor = JSON.stringify(nextCursor);
    // Not `join`, which would copy the text once more.
    let text = '{"items":[';
    for (const [index, item] of items.entries()) text += index === 0 ? item : `,${item}`;
    super(`${text}],"next_cursor":${cursor}${totalMember}${totalsMember}}`);
  }
}
