import axios from 'axios';
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
  Problem,
  register,
  runTaskBatch,
  startTimer,
  stopTimer,
  updateTag,
  updateTask,
} from '../generated/orval';
import { email, expectEqual, password, required, serverUrl } from './scenario';

/** The problem with which a call is expected to fail. */
async function problemOf(call: Promise<unknown>): Promise<Problem> {
  const error: unknown = await call.catch((reason: unknown) => reason);
  if (!axios.isAxiosError<Problem>(error) || !error.response) throw error;
  return error.response.data;
}

async function main(): Promise<void> {
  axios.defaults.baseURL = serverUrl;
  // By default, axios writes brackets after the names of lists.
  axios.defaults.paramsSerializer = (params: Record<string, unknown>) =>
    Object.entries(params)
      .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
      .join('&');

  // Account
  expectEqual((await register({ email, password })).data.timezone, 'UTC');
  expectEqual((await problemOf(register({ email, password }))).code, 'email_taken');
  const { data: session } = await login({ email, password });
  axios.defaults.headers.common.Authorization = `Bearer ${session.access_token}`;

  // Goals and tasks
  const { data: goal } = await createGoal({ title: 'Publish a book', metrics: { chapters: 12 } });
  const { data: subgoal } = await createGoal({
    title: 'Find a publisher',
    parent_goal_id: goal.id,
    horizon: 'quarterly',
    target_date: '2027-06-30',
  });
  expectEqual(subgoal.parent_goal_id, goal.id);
  const { data: first } = await createTask({ title: 'Outline' });
  expectEqual([first.status, first.priority, first.tags], ['pending', 3, []]);
  const { data: second } = await createTask({
    title: 'First chapter',
    goal_id: goal.id,
    tags: ['book'],
    due_date: '2026-12-31',
  });
  const { data: updated } = await updateTask(second.id, { status: 'in_progress', priority: 1, notes: null });
  expectEqual(updated.status, 'in_progress');
  expectEqual((await problemOf(updateTask(second.id, { title: ' ' }))).errors, [
    { field: 'title', code: 'blank', message: 'must contain at least one visible character' },
  ]);

  // Tags, dependencies, time entries
  const tag = required((await listTags()).data.items[0]);
  const { data: colored } = await updateTag(tag.id, { color: '#aa3300' });
  expectEqual([colored.name, colored.color], ['book', '#aa3300']);
  await addTaskDependency(second.id, first.id);
  const blocked = await problemOf(completeTask(second.id));
  expectEqual([blocked.status, blocked.code], [409, 'dependency_open']);
  await createTimeEntry(second.id, { hours: 1.5 });
  await startTimer(second.id, {});
  expectEqual((await stopTimer(second.id)).data.task_id, second.id);

  // Batch
  const { data: batch } = await runTaskBatch({
    mode: 'partial',
    operations: [
      { op: 'complete', id: first.id },
      { op: 'create', data: { title: 'Second chapter' } },
      { op: 'delete', id: goal.id },
    ],
  });
  expectEqual(
    batch.items.map(({ status }) => status),
    [200, 201, 404],
  );
  expectEqual(batch.items[2]?.problem?.code, 'not_found');

  // Lists with filters
  const { data: page } = await listTasks({
    status: ['pending', 'in_progress'],
    sort: ['priority', '-created_at'],
    limit: 1,
    include: 'total',
  });
  expectEqual([page.items.map(({ title }) => title), page.total], [['First chapter'], 2]);
  const { data: next } = await listTasks({
    status: ['pending', 'in_progress'],
    sort: ['priority', '-created_at'],
    limit: 1,
    cursor: required(page.next_cursor ?? undefined),
  });
  expectEqual(
    next.items.map(({ title }) => title),
    ['Second chapter'],
  );
  const { data: ofGoal } = await listGoalTasks(goal.id, {
    tag: ['book'],
    priority: [1, 2],
    due_from: '2026-12-31',
  });
  expectEqual(ofGoal.items.length, 1);
  expectEqual((await getDashboard()).data.in_progress.count, 1);

  // Export and deletion
  const { data: exported } = await exportData();
  expectEqual([exported.tasks.length, exported.goals.length], [3, 2]);
  expectEqual((await deleteCurrentUser({ password, immediately: true })).status, 204);
  expectEqual((await problemOf(getCurrentUser())).code, 'unauthorized');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
