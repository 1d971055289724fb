import { Injectable } from '@nestjs/common';
import { SessionsRepository } from '../auth/sessions.repository';
import { Config } from '../core/config';
import { isCurrentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { invalid, unknownField } from '../core/problem';
import { logSecurityEvent } from '../core/security-events';
import { PurgeService } from '../purge/purge.service';
import { UsersService } from '../users/users.service';
import { DeleteAccount, PatchAccount } from './administration.dto';
import { AdministrationRepository } from './administration.repository';

/**
 * The rules for the current user's account and for other accounts. Only superusers can access other accounts: the guard
 * and the database both check that.
 */
@Injectable()
export class AdministrationService {
  constructor(
    private readonly users: UsersService,
    private readonly accounts: AdministrationRepository,
    private readonly sessions: SessionsRepository,
    private readonly purge: PurgeService,
    private readonly config: Config,
  ) {}

  /** @throws Problem 404 */
  get(id: string): Promise<JsonText> {
    return isCurrentUser(id) ? this.users.get() : this.accounts.find(id);
  }

  /** @throws Problem 404 · Problem 422 for the current user's rights and for any other field of another account */
  async update(id: string, { is_active, is_superuser, ...fields }: PatchAccount): Promise<JsonText> {
    const rights = { is_active, is_superuser };
    refuseFields(isCurrentUser(id) ? rights : fields);
    if (isCurrentUser(id)) return this.users.update(fields);
    const account = await this.accounts.setRights(id, rights);
    logSecurityEvent('rights_changed', { subject_id: id, ...rights });
    return account;
  }

  /**
   * Closes an account. Its data is deleted later, unless `immediately` is true.
   * @throws Problem 404 · Problem 403 `wrong_password` for the current user's account
   */
  async delete(id: string, { password, immediately = false }: DeleteAccount): Promise<void> {
    if (!isCurrentUser(id)) {
      await this.accounts.close(id, immediately ? 0 : this.config.deletedUserDays);
      logSecurityEvent('account_closed', { subject_id: id });
      return this.purge.deleteClosedAccounts();
    }
    if (password === undefined) {
      throw invalid([
        { field: 'password', code: 'required', message: 'is required to delete your own account' },
      ]);
    }
    return this.users.delete(password, immediately);
  }

  /** Keeps the session of the request. @throws Problem 404 */
  async revokeSessions(id: string): Promise<void> {
    if (isCurrentUser(id)) return this.sessions.revokeOthers();
    await this.accounts.revokeSessions(id);
    logSecurityEvent('sessions_revoked', { subject_id: id });
  }
}

function refuseFields(fields: object): void {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (given.length) throw invalid(given.map(([field]) => unknownField(field)));
}
