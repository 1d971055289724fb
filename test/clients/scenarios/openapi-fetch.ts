import createClient from 'openapi-fetch';
import type { paths } from '../generated/openapi-typescript';
import { email, expectEqual, password, required, serverUrl } from './scenario';

async function main(): Promise<void> {
  const { GET, POST, PATCH, PUT, DELETE, use } = createClient<paths>({
    baseUrl: serverUrl,
    // openapi-typescript generates types only, which do not contain the style of a parameter.
    querySerializer: { array: { style: 'form', explode: false } },
  });

  // Account
  const account = await POST('/api/v1/auth/register', { body: { email, password } });
  expectEqual(required(account.data, account.error).timezone, 'UTC');
  const again = await POST('/api/v1/auth/register', { body: { email, password } });
  expectEqual(again.error?.code, 'email_taken');
  const login = await POST('/api/v1/auth/login', { body: { email, password } });
  const { access_token } = required(login.data, login.error);
  use({
    onRequest: ({ request }) => request.headers.set('authorization', `Bearer ${access_token}`),
  });

  // Goals and tasks
  const created = await POST('/api/v1/goals', {
    body: { title: 'Publish a book', metrics: { chapters: 12 } },
  });
  const goal = required(created.data, created.error);
  const subgoal = await POST('/api/v1/goals', {
    body: {
      title: 'Find a publisher',
      parent_goal_id: goal.id,
      horizon: 'quarterly',
      target_date: '2027-06-30',
    },
  });
  expectEqual(subgoal.data?.parent_goal_id, goal.id);
  const first = required((await POST('/api/v1/tasks', { body: { title: 'Outline' } })).data);
  expectEqual([first.status, first.priority, first.tags], ['pending', 3, []]);
  const body = { title: 'First chapter', goal_id: goal.id, tags: ['book'], due_date: '2026-12-31' };
  const second = required((await POST('/api/v1/tasks', { body })).data);
  const path = { id: second.id };
  const updated = await PATCH('/api/v1/tasks/{id}', {
    params: { path },
    body: { status: 'in_progress', priority: 1, notes: null },
  });
  expectEqual(updated.data?.status, 'in_progress');
  const invalid = await PATCH('/api/v1/tasks/{id}', { params: { path }, body: { title: ' ' } });
  expectEqual(invalid.error?.errors, [
    { field: 'title', code: 'blank', message: 'must contain at least one visible character' },
  ]);

  // Tags, dependencies, time entries
  const tag = required((await GET('/api/v1/tags')).data?.items[0]);
  const colored = await PATCH('/api/v1/tags/{id}', {
    params: { path: { id: tag.id } },
    body: { color: '#aa3300' },
  });
  expectEqual([colored.data?.name, colored.data?.color], ['book', '#aa3300']);
  const dependency = { path: { id: second.id, other_id: first.id } };
  await PUT('/api/v1/tasks/{id}/dependencies/{other_id}', { params: dependency });
  const blocked = await POST('/api/v1/tasks/{id}/complete', { params: { path } });
  expectEqual([blocked.response.status, blocked.error?.code], [409, 'dependency_open']);
  await POST('/api/v1/tasks/{id}/time-entries', { params: { path }, body: { hours: 1.5 } });
  await POST('/api/v1/tasks/{id}/timer/start', { params: { path } });
  const stopped = await POST('/api/v1/tasks/{id}/timer/stop', { params: { path } });
  expectEqual(stopped.data?.task_id, second.id);

  // Batch
  const batch = await POST('/api/v1/tasks/batch', {
    body: {
      mode: 'partial',
      operations: [
        { op: 'complete', id: first.id },
        { op: 'create', data: { title: 'Second chapter' } },
        { op: 'delete', id: goal.id },
      ],
    },
  });
  const results = required(batch.data, batch.error).items;
  expectEqual(
    results.map(({ status }) => status),
    [200, 201, 404],
  );
  expectEqual(results[2]?.problem?.code, 'not_found');

  // Lists with filters
  const page = await GET('/api/v1/tasks', {
    params: {
      query: {
        status: ['pending', 'in_progress'],
        sort: ['priority', '-created_at'],
        limit: 1,
        include: 'total',
      },
    },
  });
  const { items, total, next_cursor } = required(page.data, page.error);
  expectEqual([items.map(({ title }) => title), total], [['First chapter'], 2]);
  const next = await GET('/api/v1/tasks', {
    params: {
      query: {
        status: ['pending', 'in_progress'],
        sort: ['priority', '-created_at'],
        limit: 1,
        cursor: next_cursor ?? undefined,
      },
    },
  });
  expectEqual(
    next.data?.items.map(({ title }) => title),
    ['Second chapter'],
  );
  const ofGoal = await GET('/api/v1/goals/{id}/tasks', {
    params: { path: { id: goal.id }, query: { tag: ['book'], priority: [1, 2], due_from: '2026-12-31' } },
  });
  expectEqual(ofGoal.data?.items.length, 1);
  expectEqual((await GET('/api/v1/dashboard')).data?.in_progress.count, 1);

  // Export and deletion
  const exported = required((await GET('/api/v1/users/me/export')).data);
  expectEqual([exported.tasks.length, exported.goals.length], [3, 2]);
  const deleted = await DELETE('/api/v1/users/me', { body: { password, immediately: true } });
  expectEqual(deleted.response.status, 204);
  expectEqual((await GET('/api/v1/users/me')).error?.code, 'unauthorized');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
