import { Logger } from '@nestjs/common';
import { securityEvents } from './metrics';
import { currentAddressIfAny, currentUserIfAny } from './request-context';

export type SecurityEvent =
  | 'account_created'
  | 'account_closed'
  | 'account_deactivated'
  | 'account_reopened'
  | 'email_changed'
  | 'email_verified'
  | 'password_changed'
  | 'password_reset'
  | 'password_wrong'
  | 'rights_changed'
  | 'session_refresh_refused'
  | 'session_revoked'
  | 'sessions_revoked'
  | 'sign_in'
  | 'sign_in_failed'
  | 'token_created'
  | 'token_revoked';

/** Data of an event. Must not contain what a user entered, such as a name: users may enter their password there. */
export interface SecurityEventFields {
  /** By default the current user. */
  user_id?: string;
  /** The account that a superuser changed. */
  subject_id?: string;
  session_id?: string;
  token_id?: string;
  is_active?: boolean;
  is_superuser?: boolean;
}

const logger = new Logger('Security');

/** Logs an event that matters for the security of an account. Call it after the transaction has committed. */
export function logSecurityEvent(event: SecurityEvent, fields: SecurityEventFields = {}): void {
  const userId = fields.user_id ?? currentUserIfAny()?.userId;
  securityEvents.inc({ event });
  logger.log({ msg: event, event, ...fields, user_id: userId, address: currentAddressIfAny() });
}
