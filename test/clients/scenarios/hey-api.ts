import {
  addTaskDependency,
  completeTask,
  createGoal,
  createTask,
  createTimeEntry,
  deleteCurrentUser,
  exportData,
  getCurrentUser,
  getDashboard,
  listGoalTasks,
  listTags,
  listTasks,
  login,
  register,
  runTaskBatch,
  startTimer,
  stopTimer,
  updateTag,
  updateTask,
} from '../generated/hey-api';
import { client } from '../generated/hey-api/client.gen';
import { email, expectEqual, password, required, serverUrl } from './scenario';

async function main(): Promise<void> {
  client.setConfig({ baseUrl: serverUrl });

  // Account
  const account = await register({ body: { email, password } });
  expectEqual(required(account.data, account.error).timezone, 'UTC');
  const again = await register({ body: { email, password } });
  expectEqual(again.error?.code, 'email_taken');
  const session = await login({ body: { email, password } });
  const { access_token } = required(session.data, session.error);
  client.setConfig({ auth: access_token });

  // Goals and tasks
  const created = await createGoal({ body: { title: 'Publish a book', metrics: { chapters: 12 } } });
  const goal = required(created.data, created.error);
  const subgoal = await createGoal({
    body: {
      title: 'Find a publisher',
      parent_goal_id: goal.id,
      horizon: 'quarterly',
      target_date: '2027-06-30',
    },
  });
  expectEqual(subgoal.data?.parent_goal_id, goal.id);
  const first = required((await createTask({ body: { title: 'Outline' } })).data);
  expectEqual([first.status, first.priority, first.tags], ['pending', 3, []]);
  const body = { title: 'First chapter', goal_id: goal.id, tags: ['book'], due_date: '2026-12-31' };
  const second = required((await createTask({ body })).data);
  const path = { id: second.id };
  const updated = await updateTask({ path, body: { status: 'in_progress', priority: 1, notes: null } });
  expectEqual(updated.data?.status, 'in_progress');
  const invalid = await updateTask({ path, body: { title: ' ' } });
  expectEqual(invalid.error?.errors, [
    { field: 'title', code: 'blank', message: 'must contain at least one visible character' },
  ]);

  // Tags, dependencies, time entries
  const tag = required((await listTags()).data?.items[0]);
  const colored = await updateTag({ path: { id: tag.id }, body: { color: '#aa3300' } });
  expectEqual([colored.data?.name, colored.data?.color], ['book', '#aa3300']);
  await addTaskDependency({ path: { id: second.id, other_id: first.id } });
  const blocked = await completeTask({ path });
  expectEqual([blocked.response?.status, blocked.error?.code], [409, 'dependency_open']);
  await createTimeEntry({ path, body: { hours: 1.5 } });
  await startTimer({ path });
  const stopped = await stopTimer({ path });
  expectEqual(stopped.data?.task_id, second.id);

  // Batch
  const batch = await runTaskBatch({
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
  const page = await listTasks({
    query: {
      status: ['pending', 'in_progress'],
      sort: ['priority', '-created_at'],
      limit: 1,
      include: 'total',
    },
  });
  const { items, total, next_cursor } = required(page.data, page.error);
  expectEqual([items.map(({ title }) => title), total], [['First chapter'], 2]);
  const next = await listTasks({
    query: {
      status: ['pending', 'in_progress'],
      sort: ['priority', '-created_at'],
      limit: 1,
      cursor: next_cursor ?? undefined,
    },
  });
  expectEqual(
    next.data?.items.map(({ title }) => title),
    ['Second chapter'],
  );
  const ofGoal = await listGoalTasks({
    path: { id: goal.id },
    query: { tag: ['book'], priority: [1, 2], due_from: '2026-12-31' },
  });
  expectEqual(ofGoal.data?.items.length, 1);
  expectEqual((await getDashboard()).data?.in_progress.count, 1);

  // Export and deletion
  const exported = required((await exportData()).data);
  expectEqual([exported.tasks.length, exported.goals.length], [3, 2]);
  const deleted = await deleteCurrentUser({ body: { password, immediately: true } });
  expectEqual(deleted.response?.status, 204);
  expectEqual((await getCurrentUser()).error?.code, 'unauthorized');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
