import { sql, Statement } from './statement';

/** Tells triggers why a statement runs, until the transaction ends. See transaction-flags.sql for what each one means. */
export type TransactionFlag = 'ignore_open_dependencies' | 'restored_task_id' | 'trashed_at';

export function setFlag(flag: TransactionFlag, value: string): Statement {
  return sql(`SELECT ${setFlagSql(flag, ':value')}`, { value });
}

/** For transactions that go on after the statement that the flag was for. */
export function clearFlag(flag: TransactionFlag): Statement {
  return setFlag(flag, '');
}

/** SQL that sets a flag to a value of the row. @param valueSql SQL of a text */
export function setFlagSql(flag: TransactionFlag, valueSql: string): string {
  return `set_transaction_flag('${flag}', ${valueSql})`;
}

/** SQL of a flag's value; null where it is not set. */
export function flagSql(flag: TransactionFlag): string {
  return `transaction_flag('${flag}')`;
}
