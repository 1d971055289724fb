import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

export type AdministrativeAction =
  'activate' | 'deactivate' | 'promote' | 'demote' | 'revoke_sessions' | 'delete';

/** What was done to an account that is not one's own. The ids are no foreign keys: the record outlives whom it is about. */
@Entity('administrative_acts')
@Check(
  'administrative_acts_act_check',
  `act IN ('activate', 'deactivate', 'promote', 'demote', 'revoke_sessions', 'delete')`,
)
export class AdministrativeAct {
  @PrimaryColumn('uuid')
  id: string;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  /** The superuser; null for the command line. */
  @Column('uuid', { nullable: true })
  actor_id: string | null;

  @Column('uuid')
  subject_id: string;

  @Column('text')
  act: AdministrativeAction;
}
