import { Config, ConfigError } from '../core/config';
import { QuotaName, quotas } from '../core/quotas';

/** @throws ConfigError if the subject of the message would have more than the quota allows */
export function refuseAboveQuota(config: Config, name: QuotaName, count: number, subject: string): void {
  const quota = config.quotas[name];
  if (count <= quota) return;
  const what =
    name === 'dependencies_of_task'
      ? 'dependencies'
      : name.replace('tasks_of_goal', 'tasks').replace('_', ' ');
  throw new ConfigError(
    `${subject} ${count} ${what}, and ${quotas[name].variable} allows ${quota}. Raise it for this command and for the application.`,
  );
}
