import { Database } from '../../src/database/database';
import { newDatabase, startApp, TestApp } from '../setup/app';
import { lenient, ids, Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';
import { PostgresProxy } from '../setup/postgres-proxy';

/*
 * One user in Los Angeles with these tasks, created in this order:
 *
 *   a  pending      1  home    due 2026-03-01            goal
 *   b  in_progress  2  home    due 2026-03-08 (plain)    goal
 *   c  completed    3  work    due 2026-03-09T12:00Z
 *   d  blocked      4  -       -                         parent: a   "100% of_the \ rest"
 *   e  cancelled    5  a_b     due 2027-01-01
 *   f  pending      3  -       -                         in the trash
 *
 * Another user has similar tasks, which must not be listed.
 */
let app: TestApp;
let user: TestUser;
let goal: Json;
const tasks: Record<string, Json> = {};

beforeAll(async () => {
  app = await startApp();
  user = await newUser(app, { timezone: 'America/Los_Angeles' });
  goal = await newGoal(user);
  const create = async (name: string, fields: object) =>
    (tasks[name] = await newTask(user, { title: `Task ${name}`, ...fields }));
  await create('a', {
    priority: 1,
    category: 'home',
    due_date: '2026-03-01T00:00:00Z',
    goal_id: goal.id,
    project_name: 'p',
  });
  await create('b', {
    status: 'in_progress',
    priority: 2,
    category: 'home',
    due_date: '2026-03-08',
    goal_id: goal.id,
  });
  await create('c', { status: 'completed', category: 'work', due_date: '2026-03-09T12:00:00Z' });
  await create('d', {
    status: 'blocked',
    priority: 4,
    description: '100% of_the \\ rest',
    parent_task_id: tasks.a!.id,
  });
  await create('e', { status: 'cancelled', priority: 5, category: 'a_b', due_date: '2027-01-01T00:00:00Z' });
  await create('f', {});
  await user.api.delete(`/tasks/${tasks.f!.id}`).expect(204);
  const other = await newUser(app);
  for (const status of ['pending', 'completed'])
    await newTask(other, { status, category: 'home', title: 'Task a' });
});
afterAll(() => app.close());

/** The names of the listed tasks, in order. */
async function list(query: string, asUser = user): Promise<string> {
  const names = Object.fromEntries(Object.entries(tasks).map(([name, { id }]) => [id, name]));
  return (await ids(asUser, `/tasks?${query}`)).map((id) => names[id] ?? '?').join('');
}

describe('the list of tasks', () => {
  it.each([
    ['', 'edcba'],
    ['status=pending', 'a'],
    ['status=pending,in_progress', 'ba'],
    ['status=completed,cancelled', 'ec'],
    ['completed=true', 'c'],
    ['completed=false', 'edba'],
    ['priority=1', 'a'],
    ['priority=2,5', 'eb'],
    ['category=home', 'ba'],
    ['category=work,home', 'cba'],
    ['category=none', 'd'],
    ['category=none,work', 'dc'],
    ['project_name=p', 'a'],
    ['project_name=none&status=pending', ''],
    ['goal_id=none', 'edc'],
    ['due_date=none', 'd'],
    ['due_from=2026-03-09T12:00:00Z', 'ec'],
    ['due_before=2026-03-09T12:00:00Z', 'ba'],
    // The 8th of March 2026 begins at 08:00 UTC in Los Angeles and is 23 hours long: b is due at its end.
    ['due_from=2026-03-08&due_before=2026-03-09', 'b'],
    ['due_from=2026-03-09', 'ec'],
    ['due_before=2026-03-08', 'a'],
    ['created_from=2026-01-01', 'edcba'],
    ['created_before=2026-01-01', ''],
    ['updated_from=2026-01-01&updated_before=2100-01-01', 'edcba'],
    ['completed_from=2026-01-01', 'c'],
    ['completed_before=2026-01-01', ''],
    ['trashed=true', 'f'],
    ['q=task', 'edcba'],
    ['q=TASK A', 'a'],
    ['q=100%25', 'd'],
    ['q=%25', 'd'],
    ['q=_', ''],
    ['q=\\', 'd'],
    ['q=of_the', 'd'],
    ['q=nothing', ''],
    ['status=pending,in_progress&category=home&priority=2&q=task', 'b'],
    ['sort=created_at', 'abcde'],
    ['sort=due_date', 'abced'],
    ['sort=-due_date', 'ecbad'],
    ['sort=priority', 'abcde'],
    ['sort=-priority', 'edcba'],
    ['sort=title', 'abcde'],
    ['sort=status,-due_date', 'decba'],
    ['sort=completed_at,-created_at', 'cedba'],
  ])('for the query ?%s returns the tasks %s', async (query, expected) => {
    expect(await list(query)).toBe(expected);
  });

  it('can be filtered by synonyms of enum values', async () => {
    expect(await list('status=pending,In Progress', lenient(user))).toBe('ba');
    expect(await list('priority=High,5', lenient(user))).toBe('eb');
  });

  it('can be filtered by goal and parent', async () => {
    expect(await list(`goal_id=${goal.id}`)).toBe('ba');
    expect(await list(`goal_id=${goal.id},none`)).toBe('edcba');
    expect(await list(`goal_id=${goal.id.toUpperCase()}`)).toBe('ba');
    expect(await list(`parent_task_id=${tasks.a!.id}`)).toBe('d');
    expect(await list('parent_task_id=none')).toBe('ecba');
    expect(await list('goal_id=00000000-0000-0000-0000-000000000000')).toBe('');
  });

  it('returns the total on request', async () => {
    const page = async (query: string) => (await user.api.get(`/tasks?${query}`).expect(200)).body as object;
    expect(await page('limit=1')).not.toHaveProperty('total');
    expect(await page('limit=1&include=total')).toMatchObject({ total: 5 });
    expect(await page('limit=1&include=total&status=pending,blocked')).toMatchObject({
      total: 2,
      items: [{ id: tasks.d!.id }],
    });
    expect(await page('include=total&category=nowhere')).toMatchObject({ total: 0, items: [] });
  });

  it('is the same at /users/{user_id}/tasks', async () => {
    expect(await ids(user, `/users/${user.id}/tasks?category=home`)).toEqual([tasks.b!.id, tasks.a!.id]);
  });
});

interface Page {
  items: Json[];
  next_cursor: string | null;
}

/** Follows next_cursor to the last page. @param betweenPages runs after each page */
async function getAllPages(
  query: string,
  limit: number,
  betweenPages?: () => Promise<unknown>,
  owner = user,
): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const path = `/tasks?limit=${limit}&${query}${cursor && `&cursor=${cursor}`}`;
    const page: Page = (await owner.api.get(path).expect(200)).body as Page;
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor;
    await betweenPages?.();
  }
  return found;
}

describe('pages of a list', () => {
  it.each([
    '-created_at',
    'created_at',
    'due_date',
    '-due_date',
    'due_date,-priority',
    '-priority,title',
    'status,-completed_at',
    'updated_at',
  ])('sorted by %s contain every task once, in order', async (sort) => {
    const expected = await ids(user, `/tasks?sort=${sort}`);
    for (const limit of [1, 2, 3, 5]) expect(await getAllPages(`sort=${sort}`, limit)).toEqual(expected);
  });

  it('contain every task once when many have the same sort key', async () => {
    const owner = await newUser(app);
    const created: string[] = [];
    for (let i = 0; i < 9; i++)
      created.push((await newTask(owner, { due_date: '2026-05-01', title: 'Same' })).id);
    for (const sort of ['due_date', '-due_date', 'priority', '-title', 'status,-priority', '-completed_at']) {
      const found = await getAllPages(`sort=${sort}`, 2, undefined, owner);
      expect([sort, [...found].sort()]).toEqual([sort, [...created].sort()]);
      expect(found).toEqual(await ids(owner, `/tasks?sort=${sort}`));
    }
  });

  it('neither skip nor repeat tasks when others are created and deleted meanwhile', async () => {
    const owner = await newUser(app);
    const created: string[] = [];
    for (let day = 10; day < 22; day++)
      created.push((await newTask(owner, { due_date: `2026-05-${day}` })).id);
    let count = 0;
    // New rows before the current page: an OFFSET would repeat rows.
    const createEarlier = async () => {
      for (let i = 0; i < 2; i++)
        await newTask(owner, { due_date: '2026-04-01', title: `Earlier ${++count}` });
    };
    expect(await getAllPages('sort=due_date&due_from=2026-05-01', 3, createEarlier, owner)).toEqual(created);
    const afterCreations = await getAllPages('sort=due_date', 3, createEarlier, owner);
    expect(afterCreations.filter((id) => created.includes(id))).toEqual(created);
    expect(new Set(afterCreations).size).toBe(afterCreations.length);
    // Deleted rows before the current page: an OFFSET would skip rows.
    const earlier = (await ids(owner, '/tasks?sort=due_date&limit=200')).filter(
      (id) => !created.includes(id),
    );
    const deleteEarlier = async () => {
      for (const id of earlier.splice(0, 2)) await owner.api.delete(`/tasks/${id}`).expect(204);
    };
    const afterDeletions = await getAllPages('sort=due_date', 3, deleteEarlier, owner);
    expect(afterDeletions.filter((id) => created.includes(id))).toEqual(created);
  });

  it('have a Link header with the URL of the next page', async () => {
    const first = await user.api
      .get('/tasks?limit=3&sort=due_date&status=pending,blocked,completed,in_progress')
      .expect(200);
    const [, link] = /^<(.+)>; rel="next"$/.exec(first.headers.link!)!;
    expect(link).toMatch(/^\/api\/v1\/tasks\?/);
    const { body } = await user.api.get(`/${link!}`).expect(200);
    expect((body as Page).items.map(({ id }) => id)).toEqual([tasks.d!.id]);
    expect((body as Page).next_cursor).toBeNull();
    expect(
      ((await user.api.get('/tasks').expect(200)).headers as Record<string, string>).link,
    ).toBeUndefined();
  });

  it('belong to their filter and sort', async () => {
    const { body } = await user.api.get('/tasks?limit=1&sort=due_date').expect(200);
    const cursor = (body as Page).next_cursor!;
    await user.api.get(`/tasks?limit=2&sort=due_date&cursor=${cursor}`).expect(200);
    const forged = Buffer.from(JSON.stringify(['x'])).toString('base64url');
    for (const query of [
      `sort=created_at&cursor=${cursor}`,
      `sort=-due_date&cursor=${cursor}`,
      `sort=due_date&status=pending&cursor=${cursor}`,
      `sort=due_date&cursor=${cursor}x%00`,
      `cursor=${forged}`,
      'cursor=abc',
      'cursor=',
    ]) {
      const answer = await user.api.get(`/tasks?${query}`).expect(422);
      expect((answer.body as { errors: object[] }).errors).toMatchObject([{ field: 'cursor' }]);
    }
  });

  it('with a tampered cursor return 422', async () => {
    const { body } = await user.api.get('/tasks?limit=1&sort=due_date').expect(200);
    const [fingerprint, , id] = JSON.parse(
      Buffer.from((body as Page).next_cursor!, 'base64url').toString(),
    ) as unknown[];
    for (const due of ['no date', "'; DROP TABLE tasks; --", '\0', '\ud800', 1e300, '99999-01-01']) {
      const cursor = Buffer.from(JSON.stringify([fingerprint, due, id])).toString('base64url');
      const answer = await user.api.get(`/tasks?sort=due_date&cursor=${cursor}`).expect(422);
      expect((answer.body as { errors: object[] }).errors).toMatchObject([{ field: 'cursor' }]);
    }
  });

  it('can be read with the cursor of another user, without rows of that user', async () => {
    const other = await newUser(app);
    const own = await newTask(other);
    const { body } = await user.api.get('/tasks?limit=1&sort=created_at').expect(200);
    expect(await ids(other, `/tasks?sort=created_at&cursor=${(body as Page).next_cursor}`)).toEqual([own.id]);
  });
});

it('a page ends after one million characters, whatever its limit, and the next page continues', async () => {
  const user = await newUser(app);
  await app.database.query(
    `INSERT INTO tasks (user_id, id, title, description, notes)
     SELECT $1, gen_random_uuid(), 'Task ' || n, repeat('d', 20000), repeat('n', 20000) FROM generate_series(1, 120) n`,
    [user.id],
  );
  const sizes: number[] = [];
  const seen = new Set<string>();
  for (let path: string | null = '/tasks?limit=200&include=total'; path;) {
    const answer = await user.api.get(path).expect(200);
    const page = answer.body as { items: Json[]; next_cursor: string | null; total: number };
    expect(page.total).toBe(120);
    expect(answer.text.length).toBeLessThan(2_001_000);
    sizes.push(page.items.length);
    page.items.forEach(({ id }) => seen.add(id));
    path = page.next_cursor && `/tasks?limit=200&include=total&cursor=${page.next_cursor}`;
  }
  expect(sizes).toEqual([24, 24, 24, 24, 24]);
  expect(seen.size).toBe(120);
});

describe('lists of large rows', () => {
  let proxy: PostgresProxy;
  let proxiedApp: TestApp;
  let owner: TestUser;
  let task: Json;

  beforeAll(async () => {
    proxy = await PostgresProxy.open(await newDatabase());
    proxiedApp = await startApp({ DATABASE_URL: proxy.url, LOG_LEVEL: 'silent' });
    owner = await newUser(proxiedApp);
    task = await newTask(owner, { category: 'other' });
    // Random text is stored uncompressed, and repeated text compressed.
    await proxiedApp.database.query(
      `WITH texts AS (
         SELECT n, (SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 312) i) AS random FROM generate_series(1, 150) n
       ), new_tasks AS (
         INSERT INTO tasks (user_id, id, title, description, notes, category)
           SELECT $1, gen_random_uuid(), 'Task ' || n, random, repeat('n', 10000), 'large' FROM texts
       )
       INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
         SELECT $1, 1000 + n, 'task', $2, n + 1, 'update', jsonb_build_object('notes', jsonb_build_object('old', random, 'new', repeat('n', 10000)))
         FROM texts`,
      [owner.id, task.id],
    );
  });
  afterAll(async () => {
    await proxiedApp.close();
    proxy.close();
  });

  it.each([
    ['tasks', () => '/tasks?category=large&limit=200', 150],
    ['changes', () => `/tasks/${task.id}/history?limit=200`, 151],
  ])('of %s read no more than a page from PostgreSQL, in one round trip', async (_name, list, count) => {
    const seen: unknown[] = [];
    const sizes: number[] = [];
    for (let path: string | null = list(); path;) {
      proxy.reset();
      const { body } = await owner.api.get(path).expect(200);
      const page = body as { items: Json[]; next_cursor: string | null };
      expect(proxy.roundTrips).toBe(1);
      expect(proxy.receivedBytes).toBeLessThan(1_100_000);
      sizes.push(page.items.length);
      seen.push(...page.items.map(({ id }) => id));
      path = page.next_cursor && `${list()}&cursor=${page.next_cursor}`;
    }
    expect(sizes.length).toBe(4);
    expect(sizes[0]).toBeGreaterThan(45);
    expect(new Set(seen).size).toBe(count);
    expect(seen).toHaveLength(count);
  });

  it('of control characters are measured as they are escaped', async () => {
    await proxiedApp.database.query(
      `INSERT INTO tasks (user_id, id, title, description, category)
       SELECT $1, gen_random_uuid(), 'Task ' || n, repeat(E'\\x01', 20000), 'control' FROM generate_series(1, 40) n`,
      [owner.id],
    );
    proxy.reset();
    const { body } = await owner.api.get('/tasks?category=control&limit=40').expect(200);
    expect((body as { items: Json[] }).items).toHaveLength(8); // of 120 KB each
    expect(proxy.receivedBytes).toBeLessThan(1_200_000);
  });

  it('are refused with 503 if the instance has no memory left for the response', async () => {
    const hold = jest.spyOn(Database.prototype, 'holdResponse').mockReturnValue(undefined);
    try {
      const { headers, body } = await owner.api.get('/tasks?category=large&limit=100').expect(503);
      expect([headers['retry-after'], headers.link]).toEqual(['1', undefined]);
      expect(body).toMatchObject({ code: 'unavailable' });
      expect(hold).toHaveBeenCalledWith(owner.id, expect.any(Number));
      await owner.api.get('/tasks?category=other').expect(200);
      expect(hold).toHaveBeenCalledTimes(1);
    } finally {
      hold.mockRestore();
    }
  });
});

describe('a search', () => {
  let searcher: TestUser;
  const found: Record<string, string> = {};

  beforeAll(async () => {
    searcher = await newUser(app);
    const project = await newGoal(searcher, { title: 'Meetings' });
    const create = async (name: string, fields: object) =>
      (found[(await newTask(searcher, fields)).id] = name);
    await create('a', { title: 'Meeting notes', goal_id: project.id });
    const [parent] = Object.keys(found);
    await create('b', { title: 'Meet Ümit', description: 'Plan the next\n  week', goal_id: project.id });
    await create('c', { title: 'Helpmeet', description: 'meet nobody', parent_task_id: parent });
    await create('d', {
      title: '100% of_the \\ rest',
      description: 'C++ (a|b)* [x] $5 {2} ^top #12',
      parent_task_id: parent,
    });
    await create('e', { title: 'Groceries', description: 'say "hello", meet & greet' });
    await create('f', {
      title: '会議の準備',
      description: '新しいAPI設計 🪨 rock οδος ẞ µ xa\ufeffxb cafe\u0301',
    });
    await create('g', { title: 'next', description: 'week' });
    await create('h', { title: 'Meeting in the trash' });
    await searcher.api.delete(`/tasks/${Object.keys(found).at(-1)}`).expect(204);
    paths.goal = `/goals/${project.id}/tasks`;
    paths.parent = `/tasks/${parent}/subtasks`;
    const other = await newUser(app);
    await newTask(other, { title: 'Meeting notes', description: 'next week' });
    await newGoal(other, { title: 'Meetings' });
  });

  const paths: Record<string, string> = { tasks: '/tasks' };
  const names = (list: string[]) => list.map((id) => found[id] ?? '?').join('');
  const search = async (q: string, query = '', path = '/tasks') =>
    names(await ids(searcher, `${path}?q=${encodeURIComponent(q)}&${query}`));

  it.each([
    // Beginnings of words, in the title or the description
    ['meet', 'ecba'],
    ['MEET Notes', 'a'],
    ['eet', ''],
    ['next week', 'gb'],
    // Phrases
    ['"next week"', 'b'],
    ['"NEXT \t week"', 'b'],
    ['"next week', 'b'],
    ['"next wee"', ''],
    ['"ext week"', ''],
    ['"meet"', 'ecb'],
    ['"meet""nobody"', 'c'],
    ['say "hello"', 'e'],
    ['say"', ''],
    // Exclusions
    ['meet -notes', 'ecb'],
    ['-meet', 'gfd'],
    ['-meet -week', 'fd'],
    ['meet -"meet nobody"', 'eba'],
    ['-"next week', 'gfedca'],
    ['meet -meet', ''],
    // Ignored
    ['-', 'gfedcba'],
    ['- -- ""', 'gfedcba'],
    ['-""', 'gfedcba'],
    [' ', 'gfedcba'],
    ['\u001f', 'gfedcba'],
    ['meet - notes', 'a'],
    ['"-"', ''],
    // Not wildcards, and not regular expressions
    ['%', 'd'],
    ['100%', 'd'],
    ['0%', ''],
    ['m%t', ''],
    ['_', ''],
    ['of_', 'd'],
    ['m__t', ''],
    ['\\', 'd'],
    ['\\m', ''],
    ['\\mmeet', ''],
    ['c++', 'd'],
    ['"c++"', 'd'],
    ['"C+"', 'd'],
    ['+', 'd'],
    ['#12', 'd'],
    ['(a|b)*', 'd'],
    ['[x]', 'd'],
    ['[a-z]', ''],
    ['$5', 'd'],
    ['{2}', 'd'],
    ['^top', 'd'],
    ['.', ''],
    ['.*', ''],
    ['***=meet', ''],
    ['(?i)meet', ''],
    ['meet|week', ''],
    ["'; DROP TABLE tasks; --", ''],
    [':q_all $1', ''],
    // Unicode
    ['ümit', 'b'],
    ['ÜMIT', 'b'],
    ['mit', ''],
    ['会', 'f'],
    ['議', 'f'],
    ['"の準"', 'f'],
    ['設計', 'f'],
    ['"新しい"', 'f'],
    ['api', 'f'],
    ['"api"', 'f'],
    ['pi', ''],
    ['🪨', 'f'],
    ['-🪨 -meet', 'gd'],
    ['ΟΔΟΣ', 'f'],
    ['ß', 'f'],
    ['\u03bc', 'f'], // the Greek letter; the text has the micro sign
    ['roc\u212a', 'f'], // the Kelvin sign
    ['"xa xb"', 'f'],
    ['"xa\u00a0xb"', 'f'],
    ['cafe\u0301', 'f'],
    ['"cafe"', ''],
    // The maximum number of terms
    ['m me mee meet meeti meetin meeting n no not', 'a'],
  ])('for %j finds the tasks %j', async (q, expected) => {
    expect(await search(q)).toBe(expected);
  });

  it.each([
    // b has the whole word in its title, a the beginning of a word; c and e have it in the description.
    ['meet', 'relevance', 'bace'],
    ['meet', 'relevance,-created_at', 'baec'],
    ['meet', '-relevance,created_at', 'ceab'],
    ['meet', '-relevance', 'ecab'],
    // a has the beginnings of both words in its title, b one of the words, and c none.
    ['meet n', 'relevance,-created_at', 'abc'],
    // g has one of the words in its title, and b none.
    ['next week', 'relevance,created_at', 'gb'],
    ['"next week"', 'relevance', 'b'],
    ['"meeting notes"', 'relevance', 'a'],
    ['-meet', 'relevance,-created_at', 'gfd'],
    ['meet -nobody', 'title,relevance', 'eba'],
  ])('for %j sorted by %s finds the tasks %s', async (q, sort, expected) => {
    expect(await search(q, `sort=${sort}`)).toBe(expected);
  });

  it('can be sorted by relevance in every list of tasks', async () => {
    expect(await search('meet', 'sort=relevance', paths.goal)).toBe('ba');
    expect(await search('meet', 'sort=relevance', paths.parent)).toBe('c');
    expect(await search('meet', 'sort=relevance', `/users/${searcher.id}/tasks`)).toBe('bace');
    expect(await search('meet', 'sort=relevance&trashed=true')).toBe('h');
    const list = async (query: string) =>
      (await searcher.api.get(`/tasks?q=meet&sort=relevance&limit=1&${query}`).expect(200)).body as object;
    const [first] = ((await list('')) as { items: object[] }).items;
    expect(first).not.toHaveProperty('relevance');
    expect(await list('include=total')).toMatchObject({ total: 4, items: [{ title: 'Meet Ümit' }] });
    expect(await list('fields=title')).toMatchObject({ items: [{ title: 'Meet Ümit' }] });
  });

  it.each(['relevance', '-relevance', 'relevance,-created_at', '-relevance,title', 'title,relevance'])(
    'sorted by %s has pages that contain every task once',
    async (sort) => {
      for (const query of [`q=meet&sort=${sort}`, `q=n&sort=${sort}&fields=id`, `q=-meet&sort=${sort}`]) {
        const expected = await ids(searcher, `/tasks?${query}`);
        expect(expected.length).toBeGreaterThanOrEqual(3);
        for (const limit of [1, 2, 3])
          expect(await getAllPages(query, limit, undefined, searcher)).toEqual(expected);
      }
    },
  );

  it('has cursors that are valid for its own terms only', async () => {
    const { body } = await searcher.api.get('/tasks?q=meet&sort=relevance&limit=1').expect(200);
    const cursor = (body as Page).next_cursor!;
    expect(await search('meet', `sort=relevance&cursor=${cursor}`)).toBe('ace');
    for (const query of ['q=next&sort=relevance', 'q=meet&sort=-relevance', 'q=meet']) {
      const { body: problem } = await searcher.api.get(`/tasks?${query}&cursor=${cursor}`).expect(422);
      expect((problem as { errors: object[] }).errors).toMatchObject([
        { field: 'cursor', code: 'invalid_cursor' },
      ]);
    }
  });
});
