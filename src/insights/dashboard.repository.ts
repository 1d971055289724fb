import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { currentUser } from '../core/request-context';
import { Database } from '../database/database';
import { startOfDaySql } from '../database/filters';
import { nullsLastSql } from '../database/keyset';
import { sql } from '../database/statement';
import { GoalsRepository } from '../goals/goals.repository';
import { TasksRepository } from '../tasks/tasks.repository';
import { periodSql } from './period-sql';

/** Maximum number of items per section. */
const maxItems = 10;

/** Number of days over which the velocity is computed, including today. */
const velocityDays = 30;

/** Number of days for which a completed task counts as recently completed, including today. */
const recentDays = 7;

/** A goal is at risk only if its progress in percent is below this. */
const riskyProgress = 20;

/** A goal is at risk only if its target date is at most this number of days away. */
const riskyDays = 30;

/** The total number of items in a section, and the ids of the first ones. */
interface Section {
  count: number;
  ids: string[];
}

const taskSections = [
  'overdue',
  'due_today',
  'due_this_week',
  'in_progress',
  'blocked',
  'recently_completed',
] as const;
const goalSections = ['active_goals', 'goals_at_risk'] as const;

type SectionName = (typeof taskSections)[number] | (typeof goalSections)[number];

interface Overview {
  timezone: string;
  today: string;
  velocity: object;
  sections: Record<SectionName, Section>;
}

const earliestFirstSql = 'due_date, id';
const lastUpdatedFirstSql = 'updated_at DESC, id DESC';
const mondaySql = `date_trunc('week', today::timestamp)::date`;

const overviewSql = `
  WITH ${periodSql(String(velocityDays))}, week AS (
    SELECT ${startOfDaySql(mondaySql, 'timezone')} AS since, ${startOfDaySql(`${mondaySql} + 7`, 'timezone')} AS until,
      ${startOfDaySql('today', 'timezone')} AS today_since,
      ${startOfDaySql(`today - ${recentDays - 1}`, 'timezone')} AS recent_since
    FROM period
  ), blocked AS MATERIALIZED (
    SELECT task_id FROM blocked_tasks(:user_id)
  ), open AS MATERIALIZED (
    SELECT id, due_date, updated_at, status,
      status = 'blocked' OR id IN (SELECT task_id FROM blocked) AS is_blocked
    FROM tasks WHERE user_id = :user_id AND task_is_open(status, deleted_at)
  ), completed AS MATERIALIZED (
    SELECT id, completed_at FROM tasks
    WHERE user_id = :user_id AND deleted_at IS NULL AND completed_at >= (SELECT since FROM period)
  ), active AS MATERIALIZED (
    SELECT id, target_date, ${nullsLastSql('target_date')} AS target_date_nulls_last,
      coalesce(progress, 0) < ${riskyProgress}
        AND target_date < (SELECT ${startOfDaySql(`today + ${riskyDays + 1}`, 'timezone')} FROM period) AS is_at_risk
    FROM goals WHERE user_id = :user_id AND deleted_at IS NULL AND status = 'active'
  )
  SELECT period.timezone, period.today::text AS today,
    json_build_object(
      'overdue', ${sectionSql('open', 'due_date < now()', earliestFirstSql)},
      'due_today', ${sectionSql('open', 'due_date >= week.today_since AND due_date < period.until', earliestFirstSql)},
      'due_this_week', ${sectionSql('open', 'due_date >= week.since AND due_date < week.until', earliestFirstSql)},
      'in_progress', ${sectionSql('open', `status = 'in_progress'`, lastUpdatedFirstSql)},
      'blocked', ${sectionSql('open', 'is_blocked', lastUpdatedFirstSql)},
      'recently_completed', ${sectionSql('completed', 'completed_at >= week.recent_since', 'completed_at DESC, id DESC')},
      'active_goals', ${sectionSql('active', 'true', 'target_date_nulls_last, id')},
      'goals_at_risk', ${sectionSql('active', 'is_at_risk', 'target_date, id')}
    ) AS sections,
    (
      SELECT json_build_object(
        'days', ${velocityDays}, 'completed', count(*), 'average_per_day', round(count(*) / ${velocityDays}.0, 2)
      ) FROM completed WHERE completed_at < period.until
    ) AS velocity
  FROM period, week`;

/** The tasks and goals on the current user's dashboard. */
@Injectable()
export class DashboardRepository {
  constructor(
    private readonly database: Database,
    private readonly tasks: TasksRepository,
    private readonly goals: GoalsRepository,
  ) {}

  read(): Promise<JsonText> {
    return this.database.readTransaction(async () => {
      const statement = sql<Overview>(overviewSql, { user_id: currentUser().userId });
      const { rows } = await this.database.read({ rows: statement });
      const { timezone, today, velocity, sections } = rows[0]!;
      const tasks = await this.tasks.findAll(idsOf(taskSections.map((name) => sections[name])));
      const goals = await this.goals.findAll(idsOf(goalSections.map((name) => sections[name])));
      const members = [
        ...taskSections.map((name) => `"${name}":${sectionJson(sections[name], tasks)}`),
        ...goalSections.map((name) => `"${name}":${sectionJson(sections[name], goals)}`),
      ];
      const head = JSON.stringify({ timezone, today, velocity }).slice(0, -1);
      return new JsonText(`${head},${members.join(',')}}`);
    });
  }
}

/**
 * SQL of a section: the number of rows of a table expression, and the ids of the first ones.
 * @param conditionSql condition for the rows · @param orderSql sort order of the rows
 */
function sectionSql(rows: string, conditionSql: string, orderSql: string): string {
  return `json_build_object(
    'count', (SELECT count(*) FROM ${rows} WHERE ${conditionSql}),
    'ids', ARRAY(SELECT id FROM ${rows} WHERE ${conditionSql} ORDER BY ${orderSql} LIMIT ${maxItems}))`;
}

/** The ids of all sections: first the first ones of each section, because the last ones may be left out. */
function idsOf(sections: Section[]): string[] {
  const ranks = Array.from({ length: maxItems }, (_, rank) => rank);
  return [...new Set(ranks.flatMap((rank) => sections.flatMap(({ ids }) => ids.slice(rank, rank + 1))))];
}

/** @param items by id; without those that are too large together */
function sectionJson({ count, ids }: Section, items: Map<string, JsonText>): string {
  const texts = ids.flatMap((id) => items.get(id)?.text ?? []);
  return `{"count":${count},"items":[${texts.join(',')}]}`;
}
