import { ApiProperty } from '@nestjs/swagger';
import { TimestampField } from '../http/body-fields';
import { UserView } from '../users/user.dto';

/** The export. Its other members come from the repositories that are `@Exported`. */
export class ExportView {
  @TimestampField({ description: 'Timestamp of the start of the export.', inResponse: true })
  exported_at: string;

  @ApiProperty({ type: UserView, description: 'The account.' })
  user: object;
}
