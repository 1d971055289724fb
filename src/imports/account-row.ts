import { IntersectionType, OmitType, PartialType } from '@nestjs/swagger';
import { BooleanField, TextField, TimestampField } from '../http/body-fields';
import { field, rule } from '../http/field';
import { maxUsernameLength, UserFields } from '../users/user.dto';

/** The highest accepted costs: a sign-in computes the hash once. */
const [maxBcryptCost, maxMemoryKib, maxIterations, maxLanes] = [14, 262_144, 10, 16];

const bcryptHash = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const argon2idHash =
  /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,171}$/;

class ImportedState {
  @TextField({
    description: 'Username, with up to 100 characters.',
    nullable: true,
    max: maxUsernameLength,
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  })
  username: string | null;

  @BooleanField({ description: 'Whether the account is active. True by default.' })
  is_active: boolean;

  @BooleanField({ description: 'Whether the email address is verified. False by default.' })
  is_verified: boolean;

  @TimestampField({ description: 'Timestamp of the creation of the account. Now by default.' })
  created_at: string;

  @field(
    { description: 'Hash of the password, of bcrypt or argon2id.', nullable: true },
    { type: String },
    rule(
      'format',
      `must be a bcrypt hash of cost 4 to ${maxBcryptCost}, or an argon2id hash with at most m=${maxMemoryKib}, t=${maxIterations} and p=${maxLanes}`,
      isAcceptedHash,
    ),
  )
  password_hash: string | null;
}

/** An account of another system in a file. */
export class AccountRow extends IntersectionType(
  OmitType(UserFields, ['username', 'full_name', 'timezone']),
  PartialType(IntersectionType(OmitType(UserFields, ['email', 'username']), ImportedState), {
    skipNullProperties: false,
  }),
) {}

function isAcceptedHash(value: unknown): boolean {
  const text = String(value);
  const [, cost] = bcryptHash.exec(text) ?? [];
  if (cost !== undefined) return Number(cost) >= 4 && Number(cost) <= maxBcryptCost;
  const [, memory, iterations, lanes] = (argon2idHash.exec(text) ?? []).map(Number);
  if (memory === undefined || iterations === undefined || lanes === undefined) return false;
  const isEnough = iterations >= 1 && lanes >= 1 && memory >= 8 * lanes;
  return isEnough && memory <= maxMemoryKib && iterations <= maxIterations && lanes <= maxLanes;
}
