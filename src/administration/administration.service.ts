import { Injectable } from '@nestjs/common';
import { SessionsRepository } from '../auth/sessions.repository';
import { isCurrentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { invalid, unknownField } from '../core/problem';
import { UsersService } from '../users/users.service';
import { DeleteAccount, PatchAccount } from './administration.dto';
import { AdministrationRepository } from './administration.repository';

/**
 * The rules of accounts that may be another's. The guard has seen to it that whoever asks for another's is a superuser;
 * the database looks again.
 */
@Injectable()
export class AdministrationService {
  constructor(
    private readonly users: UsersService,
    private readonly accounts: AdministrationRepository,
    private readonly sessions: SessionsRepository,
  ) {}

  /** @throws Problem 404 */
  get(id: string): Promise<JsonText> {
    return isCurrentUser(id) ? this.users.get() : this.accounts.find(id);
  }

  /** @throws Problem 404 · Problem 422 for another's names, and for one's own rights */
  update(id: string, { is_active, is_superuser, ...names }: PatchAccount): Promise<JsonText> {
    const rights = { is_active, is_superuser };
    refuse(isCurrentUser(id) ? rights : names);
    if (isCurrentUser(id)) return this.users.update(names);
    return this.accounts.setRights(id, rights);
  }

  /** @throws Problem 404 · Problem 403 for the own account, when the password is wrong */
  delete(id: string, { password }: DeleteAccount): Promise<void> {
    if (!isCurrentUser(id)) return this.accounts.delete(id);
    if (password === undefined) {
      throw invalid([
        { field: 'password', code: 'required', message: 'is required to delete your own account' },
      ]);
    }
    return this.users.delete(password);
  }

  /** Of the own account, all but the current one. @throws Problem 404 */
  revokeSessions(id: string): Promise<void> {
    return isCurrentUser(id) ? this.sessions.revokeOthers() : this.accounts.revokeSessions(id);
  }
}

function refuse(fields: object): void {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (given.length) throw invalid(given.map(([field]) => unknownField(field)));
}
