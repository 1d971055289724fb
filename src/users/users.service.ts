import { Injectable } from '@nestjs/common';
import { sessionRequired } from '../auth/auth.problems';
import { CredentialsService } from '../auth/credentials.service';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { invalid } from '../core/problem';
import { PatchUser } from './user.dto';
import { UsersRepository } from './users.repository';

/** The rules of the current user's account. */
@Injectable()
export class UsersService {
  constructor(
    private readonly users: UsersRepository,
    private readonly credentials: CredentialsService,
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

  /** Deletes the account and all its data permanently. @throws Problem 403 `wrong_password` */
  async delete(password: string): Promise<void> {
    const { id } = await this.credentials.confirm(password);
    await this.users.delete(id);
  }
}
