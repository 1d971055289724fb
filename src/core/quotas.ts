interface Quota {
  /** The environment variable. */
  variable: string;
  fallback: number;
  /** What the user can do after the quota is reached, after the sentence that names it. */
  text: (value: number) => string;
}

/**
 * The largest amounts of data of one user. A quota with the name of a table limits its rows. Triggers enforce them
 * (src/limits/quotas.sql).
 */
export const quotas = {
  tasks: {
    variable: 'QUOTA_TASKS',
    fallback: 100_000,
    text: (value) =>
      `You can have at most ${value} tasks, including those in the trash. Delete tasks permanently first.`,
  },
  tasks_of_goal: {
    variable: 'QUOTA_GOAL_TASKS',
    fallback: 10_000,
    text: (value) =>
      `A goal can have at most ${value} tasks, including their subtasks and those in the trash. Use another goal, or delete tasks permanently first.`,
  },
  subtasks: {
    variable: 'QUOTA_SUBTASKS',
    fallback: 10_000,
    text: (value) =>
      `A task can have at most ${value} subtasks at all depths, including those in the trash. Use another parent, or delete subtasks permanently first.`,
  },
  dependencies_of_task: {
    variable: 'QUOTA_TASK_DEPENDENCIES',
    fallback: 100,
    text: (value) =>
      `A task can depend on at most ${value} tasks, including those in the trash. Delete a dependency of the task first.`,
  },
  task_dependencies: {
    variable: 'QUOTA_DEPENDENCIES',
    fallback: 100_000,
    text: (value) =>
      `You can have at most ${value} dependencies between tasks, including those of tasks in the trash. Delete dependencies first.`,
  },
  goals: {
    variable: 'QUOTA_GOALS',
    fallback: 10_000,
    text: (value) =>
      `You can have at most ${value} goals, including those in the trash. Delete goals permanently first.`,
  },
  goal_depth: {
    variable: 'QUOTA_GOAL_DEPTH',
    fallback: 20,
    text: (value) =>
      `Goals can be nested at most ${value} levels deep, including the topmost goal. Use another parent goal.`,
  },
  tags: {
    variable: 'QUOTA_TAGS',
    fallback: 2000,
    text: (value) => `You can have at most ${value} tags, including unused ones. Delete or merge tags first.`,
  },
  time_entries: {
    variable: 'QUOTA_TIME_ENTRIES',
    fallback: 100_000,
    text: (value) =>
      `You can have at most ${value} time entries, including those of tasks in the trash. Delete time entries first.`,
  },
  imported_changes: {
    variable: 'QUOTA_IMPORTED_CHANGES',
    fallback: 1_000_000,
    text: (value) =>
      `You can import at most ${value} changes of tasks and goals. Leave the history, or a part of it, out of the document.`,
  },
  personal_tokens: {
    variable: 'QUOTA_PERSONAL_TOKENS',
    fallback: 100,
    text: (value) =>
      `You can have at most ${value} personal access tokens, including expired ones. Delete tokens first.`,
  },
  idempotency_keys: {
    variable: 'QUOTA_IDEMPOTENCY_KEYS',
    fallback: 10_000,
    text: (value) =>
      `You can use at most ${value} idempotency keys within 24 hours. Send the request without Idempotency-Key, or later.`,
  },
  idempotency_bytes: {
    variable: 'QUOTA_IDEMPOTENCY_BYTES',
    fallback: 50_000_000,
    text: (value) =>
      `The responses to your requests with an Idempotency-Key can have at most ${value} bytes within 24 hours. Send the request without Idempotency-Key, or later.`,
  },
} satisfies Record<string, Quota>;

export type QuotaName = keyof typeof quotas;
