import { Counter, Histogram, Registry } from 'prom-client';

/**
 * The metrics that are counted where something happens. Their labels have few values: never ids, paths or texts of users.
 * Metrics that describe a current state are in src/metrics.
 */
export const registry = new Registry();
const registers = [registry];

export const requestDurations = new Histogram({
  name: 'cairn_http_request_duration_seconds',
  help: 'Time from the headers of a request to the end of its response.',
  labelNames: ['method', 'route', 'status'] as const,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  registers,
});

export const problems = new Counter({
  name: 'cairn_problems_total',
  help: 'Error responses by their code. too_many_requests: the queue of a user is full.',
  labelNames: ['status', 'code'] as const,
  registers,
});

export const connectionWaits = new Histogram({
  name: 'cairn_database_connection_wait_seconds',
  help: 'Time that a transaction waited for a connection of the pool.',
  buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30],
  registers,
});

export const statementDurations = new Histogram({
  name: 'cairn_database_statement_duration_seconds',
  help:
    'Time of the statements that were sent together, by the first word of the first one, with the check of the session and, ' +
    'for writes, the wait for other writes of the user.',
  labelNames: ['kind'] as const,
  buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  registers,
});

export const rateLimitRefusals = new Counter({
  name: 'cairn_rate_limit_refusals_total',
  help: 'Requests that were refused by a rate limit.',
  labelNames: ['limit'] as const,
  registers,
});

export const passwordRefusals = new Counter({
  name: 'cairn_password_refusals_total',
  help: 'Requests that were refused because too many passwords were being hashed.',
  registers,
});

export const mails = new Counter({
  name: 'cairn_mails_total',
  help: 'Attempts to send a mail. failed: will be tried again; dropped: will not.',
  labelNames: ['result'] as const,
  registers,
});

export const purges = new Counter({
  name: 'cairn_purges_total',
  help: 'Purges by this instance.',
  labelNames: ['result'] as const,
  registers,
});

export const purgedRows = new Counter({
  name: 'cairn_purged_rows_total',
  help: 'Rows that purges deleted. users: accounts, without the rows they own.',
  labelNames: ['table'] as const,
  registers,
});

export const securityEvents = new Counter({
  name: 'cairn_security_events_total',
  help: 'Security events, as in the log.',
  labelNames: ['event'] as const,
  registers,
});

// Series that exist before the first event, so that their increase can be queried.
for (const result of ['sent', 'failed', 'dropped']) mails.inc({ result }, 0);
for (const result of ['completed', 'failed']) purges.inc({ result }, 0);
