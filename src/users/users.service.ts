import { Injectable } from '@nestjs/common';
import { isPassword } from '../auth/passwords';
import { currentUser } from '../http/current-user';
import { JsonText } from '../http/json-text';
import { Problem } from '../http/problem';
import { PatchUser } from './user.dto';
import { UsersRepository } from './users.repository';

/** The rules of a user's own account. */
@Injectable()
export class UsersService {
  constructor(private readonly users: UsersRepository) {}

  find(): Promise<JsonText> {
    return this.users.find(currentUser().user_id);
  }

  /** @throws Problem 409 when the username belongs to somebody else */
  change(changes: PatchUser): Promise<JsonText> {
    return this.users.update(currentUser().user_id, { ...changes });
  }

  /** Removes the account and everything that belongs to it. @throws Problem 403 when the password is wrong */
  async remove(password: string): Promise<void> {
    if (!(await isPassword(password, await this.users.passwordHash()))) {
      throw new Problem(403, 'wrong_password', 'The password is not right. Nothing was removed.');
    }
    await this.users.remove(currentUser().user_id);
  }
}
