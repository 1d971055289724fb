import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

export type AdministrativeAction =
  'activate' | 'deactivate' | 'promote' | 'demote' | 'revoke_sessions' | 'delete';

/** An action of a superuser on another account. The ids are not foreign keys, since the record outlives the accounts. */
@Entity('administrative_acts')
@Check(
  'administrative_acts_act_check',
  `act IN ('activate', 'deactivate', 'promote', 'demote', 'revoke_sessions', 'delete')`,
)
export class AdministrativeAct {
  @PrimaryColumn('uuid', { default: () => 'new_id()' })
  id: string;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  /** The superuser; null for operator commands. */
  @Column('uuid', { nullable: true })
  actor_id: string | null;

  @Column('uuid')
  subject_id: string;

  @Column('text')
  act: AdministrativeAction;
}
