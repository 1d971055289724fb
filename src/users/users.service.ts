import { Injectable } from '@nestjs/common';
import { CredentialsService } from '../auth/credentials.service';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { forbidden, invalid } from '../core/problem';
import { PatchUser } from './user.dto';
import { UsersRepository } from './users.repository';

/** The rules of a user's own account. */
@Injectable()
export class UsersService {
  constructor(
    private readonly users: UsersRepository,
    private readonly credentials: CredentialsService,
  ) {}

  find(): Promise<JsonText> {
    return this.users.find(currentUser().user_id);
  }

  /**
   * Another address is to be verified anew, and ends all other sessions.
   * @throws Problem 409 when the address or the username belongs to somebody else · Problem 403 when the password, which
   * another address wants, is wrong
   */
  async change({ email, current_password, ...changes }: PatchUser): Promise<JsonText> {
    if ((email === undefined) !== (current_password === undefined)) {
      const field = email === undefined ? 'email' : 'current_password';
      const message = 'is required: send email and current_password together';
      throw invalid([{ field, code: 'required', message }]);
    }
    if (email === undefined) return this.users.update(currentUser().user_id, { ...changes });
    if (currentUser().session_id === null) {
      throw forbidden(
        'session_required',
        'Changing the email address requires a session. Sign in and send the access token of the session instead of a personal access token.',
      );
    }
    const account = await this.credentials.confirm(current_password!);
    if (email === account.email) return this.users.update(account.id, { ...changes });
    return this.credentials.changeEmail(account, { ...changes, email });
  }

  /** Removes the account and everything that belongs to it. @throws Problem 403 when the password is wrong */
  async remove(password: string): Promise<void> {
    const { id } = await this.credentials.confirm(password);
    await this.users.remove(id);
  }
}
