import type { OpenAPIObject } from '@nestjs/swagger';
import { schemaNameOf } from './openapi-names';
import { maxInteger } from './views';

/** A JSON schema, or any other part of the document. */
export type Node = Record<string, unknown> & {
  type?: unknown;
  properties?: Record<string, Node>;
  required?: string[];
  anyOf?: Node[];
  enum?: unknown[];
};

const refPrefix = '#/components/schemas/';

/** Completes the schemas that Nest has collected from the classes, and gives them their names in the document. */
export function completeSchemas(document: OpenAPIObject): void {
  const schemas = document.components!.schemas as Record<string, Node>;
  visit(document, flattenAnyOf);
  const inRequests = new Set<string>();
  for (const body of Object.values(document.paths).flatMap((item) => Object.values(item) as Node[])) {
    collectReferences(body.requestBody, schemas, inRequests);
  }
  for (const [name, schema] of Object.entries(schemas)) {
    closeSchema(schema, name.startsWith('Patch'));
    if (!inRequests.has(name)) visit(schema, describeResponseTime);
  }
  visit(document, addBounds);
  visit(document, (node) => {
    if (typeof node.$ref === 'string') node.$ref = refPrefix + schemaNameOf(nameIn(node.$ref));
  });
  const renamed = Object.entries(schemas).map(([name, schema]) => [schemaNameOf(name), schema]);
  document.components!.schemas = Object.fromEntries(renamed) as Record<string, object>;
}

function nameIn(reference: string): string {
  return reference.slice(refPrefix.length);
}

function collectReferences(part: unknown, schemas: Record<string, Node>, found: Set<string>): void {
  visit(part, ({ $ref }) => {
    const name = typeof $ref === 'string' ? nameIn($ref) : undefined;
    if (name === undefined || found.has(name)) return;
    found.add(name);
    collectReferences(schemas[name], schemas, found);
  });
}

/**
 * Allows no properties but the declared ones. Generators of clients make properties with a default required, so that
 * defaults are part of the description. In a PATCH body, an absent field keeps its value.
 */
function closeSchema(schema: Node, isPatch: boolean): void {
  if (!schema.properties) return;
  schema.additionalProperties ??= false;
  const isOptional = (name: string) => !isPatch && !schema.required?.includes(name);
  for (const [name, property] of Object.entries(schema.properties)) {
    if (property.default !== undefined && isOptional(name)) {
      property.description = `${String(property.description)} Default: \`${JSON.stringify(property.default).replace(/"/g, '')}\`.`;
    }
    delete property.default;
  }
}

/** Nest adds null as an alternative to the alternatives of a field, and repeats their type beside them. */
function flattenAnyOf(schema: Node): void {
  if (!schema.anyOf) return;
  delete schema.type;
  schema.anyOf = schema.anyOf.flatMap((alternative) => alternative.anyOf ?? [alternative]);
}

/** Requests accept plain dates and timestamps. Responses contain timestamps only. */
function describeResponseTime(schema: Node): void {
  if (!schema.anyOf?.some(({ format }) => format === 'date')) return;
  const isNullable = schema.anyOf.some(({ type }) => type === 'null');
  delete schema.anyOf;
  Object.assign(schema, { type: isNullable ? ['string', 'null'] : 'string', format: 'date-time' });
}

/** The maximum length of strings by their format. */
const lengths: Record<string, number> = { uuid: 36, date: 10, 'date-time': 35 };

/** Adds the bounds that follow from the format, and the other way round. */
function addBounds(schema: Node): void {
  if (
    [schema.type].flat().includes('string') &&
    typeof schema.format === 'string' &&
    schema.format in lengths
  ) {
    schema.maxLength ??= lengths[schema.format];
  }
  if (schema.type === 'integer' && Number(schema.maximum) <= maxInteger) schema.format ??= 'int32';
}

/** Visits every object in a part of the document, except examples. */
function visit(part: unknown, visitNode: (node: Node) => void): void {
  if (typeof part !== 'object' || part === null) return;
  if (!Array.isArray(part)) visitNode(part as Node);
  for (const [key, value] of Object.entries(part)) {
    if (key !== 'example' && key !== 'examples') visit(value, visitNode);
  }
}
