import { Problem } from '../core/problem';
import type { Database } from '../database/database';
import type { ImportOwner } from './import-owner';

/** Ends the transaction of a dry run. */
class RolledBack extends Problem {
  constructor() {
    super(409, 'rolled_back', 'The import was rolled back.');
  }
}

/** Runs the work as the owner, whose account it may create. Of a dry run, nothing remains. */
export async function runAsOwner(
  database: Database,
  owner: Pick<ImportOwner, 'id' | 'create'>,
  isDryRun: boolean,
  work: () => Promise<void>,
): Promise<void> {
  const workAndEnd = async () => {
    await work();
    if (isDryRun) throw new RolledBack();
  };
  try {
    await database.actAs(owner.id, workAndEnd, owner.create);
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
}
