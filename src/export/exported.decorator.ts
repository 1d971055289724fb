import type { Type } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ApiProperty } from '@nestjs/swagger';
import { ExportView } from './export.dto';

/** A member of the export with the rows of one repository. */
interface ExportPart {
  name: string;
  /** The class of the items. */
  view: Type;
  description: string;
  /** Not included if the request uses a personal access token. */
  requiresSession?: boolean;
}

/** The export service finds the parts by this decorator. */
export const ExportPartMetadata = DiscoveryService.createDecorator<ExportPart>();

/** Adds all rows of an OwnedRepository to the export, and to its description in the OpenAPI document. */
export function Exported(part: ExportPart): ClassDecorator {
  return (repository) => {
    const { name, view, description, requiresSession } = part;
    ApiProperty({ type: [view], description, required: !requiresSession })(ExportView.prototype, name);
    ExportPartMetadata(part)(repository);
  };
}
