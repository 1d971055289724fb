import { ProblemKind } from '../core/problem-kind';

export const timerRunning = new ProblemKind(
  409,
  'timer_running',
  'A timer is already running. Stop it first.',
  'time_entries_running_key',
);

export const timerNotRunning = new ProblemKind(
  409,
  'timer_not_running',
  'No timer is running for this task.',
);

export const hoursCounted = new ProblemKind(
  409,
  'hours_counted',
  'The task has ended time entries, so actual_hours is their sum. Change the time entries instead.',
);
