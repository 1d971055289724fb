import { Injectable } from '@nestjs/common';
import { sessionRequired } from '../http/access-problems';
import { CredentialsService } from '../auth/credentials.service';
import { Config } from '../core/config';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { invalid } from '../core/problem';
import { PurgeService } from '../purge/purge.service';
import { PatchUser } from './user.dto';
import { UsersRepository } from './users.repository';

/** The rules of the current user's account. */
@Injectable()
export class UsersService {
  constructor(
    private readonly users: UsersRepository,
    private readonly credentials: CredentialsService,
    private readonly purge: PurgeService,
    private readonly config: Config,
  ) {}

  get(): Promise<JsonText> {
    return this.users.find(currentUser().userId);
  }

  /**
   * A new email address requires the password and must be verified again. It revokes all other sessions.
   * @throws Problem 409 `email_taken`, `username_taken` · Problem 403 `wrong_password`
   */
  async update({ email, current_password, ...values }: PatchUser): Promise<JsonText> {
    if ((email === undefined) !== (current_password === undefined)) {
      const field = email === undefined ? 'email' : 'current_password';
      const message = 'is required: send email and current_password together';
      throw invalid([{ field, code: 'required', message }]);
    }
    if (email === undefined) return this.users.update(currentUser().userId, { ...values });
    if (currentUser().sessionId === null) {
      throw sessionRequired.create(
        'Changing the email address requires a session. Sign in and send the access token of the session instead of a personal access token.',
      );
    }
    const account = await this.credentials.confirm(current_password!);
    if (email === account.email) return this.users.update(account.id, { ...values });
    return this.credentials.changeEmail(account, { ...values, email });
  }

  /**
   * Closes the account. Its data is deleted later, unless `immediately` is true.
   * @throws Problem 403 `wrong_password` · Problem 401, 429
   */
  async delete(password: string, immediately = false): Promise<void> {
    await this.credentials.deactivate(password, immediately ? 0 : this.config.deletedUserDays);
    this.purge.deleteClosedAccounts();
  }

  /** @throws Problem 403 `wrong_password` · Problem 401, 429 */
  deactivate(password: string): Promise<void> {
    return this.credentials.deactivate(password, null);
  }
}
