import { argon2id, hash, verify } from 'argon2';

/** OWASP's floor for argon2id: 19 MiB, two passes, one lane. */
const cost = { type: argon2id, memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 } as const;

export function hashPassword(password: string): Promise<string> {
  return hash(password.normalize('NFKC'), cost);
}

/** The hash of no account's password, at the same cost: who signs in with an unknown name waits as long. */
const decoy =
  '$argon2id$v=19$m=19456,t=2,p=1$MKbRP14efKq5NbVPG4P2Lg$5KuCe209FRLqp4F/i7DQ+3tNbmkrHX2fSGsiACoyuu8';

/** @param passwordHash absent where there is no such account: then the answer is false, after the same work */
export async function isPassword(password: string, passwordHash: string | undefined): Promise<boolean> {
  const isRight = await verify(passwordHash ?? decoy, password.normalize('NFKC'));
  return isRight && passwordHash !== undefined;
}
