import { Kind, kinds, SchemaObject, SchemaSnapshot } from './schema-snapshot';

/** An object that exists in only one of two schemas, or has different definitions in them. */
export interface Difference {
  actual?: SchemaObject;
  expected?: SchemaObject;
}

/** @param of the kinds to compare; by default all of them */
export function differences(
  actual: SchemaSnapshot,
  expected: SchemaSnapshot,
  of: readonly Kind[] = kinds,
): Difference[] {
  const found: Difference[] = [];
  for (const [key, object] of expected) {
    const other = actual.get(key);
    if (other?.create !== object.create) found.push({ ...(other && { actual: other }), expected: object });
  }
  for (const [key, object] of actual) if (!expected.has(key)) found.push({ actual: object });
  return found.filter((difference) => of.includes(kindOf(difference)));
}

/** The statements that change the actual objects into the expected ones. Dependent objects are dropped first. */
export function statements(found: Difference[]): string[] {
  const ofKind = (kind: Kind) => found.filter((difference) => kindOf(difference) === kind);
  const drops = kinds
    .flatMap(ofKind)
    .flatMap(({ actual, expected }) => (actual && !isReplaced(actual, expected) ? [actual] : []))
    .reverse();
  const creates = kinds.flatMap(ofKind).flatMap(({ expected }) => expected ?? []);
  return [...combined(drops, 'drop'), ...combined(creates, 'create')];
}

/** One line for each difference, and for changed objects the first line that differs. */
export function report(found: Difference[]): string {
  return found
    .map((difference) => {
      const { actual, expected } = difference;
      const object = `${kindOf(difference)} ${(expected ?? actual)!.name}`;
      if (!actual) return `  missing in the database: ${object}`;
      if (!expected) return `  only in the database: ${object}`;
      const [inDatabase, inFiles] = changedLines(actual.create, expected.create);
      return `  different: ${object}\n    database:  ${inDatabase}\n    sources:   ${inFiles}`;
    })
    .join('\n');
}

function kindOf({ actual, expected }: Difference): Kind {
  return (expected ?? actual)!.kind;
}

function isReplaced(actual: SchemaObject, expected: SchemaObject | undefined): boolean {
  return expected?.kind === 'function' && expected.signature === actual.signature;
}

/** The statements of these objects, with one statement for all grants to one role on one object. */
function combined(objects: SchemaObject[], action: 'create' | 'drop'): string[] {
  const grants = new Map<string, Map<string, string[]>>();
  for (const { grant } of objects) {
    if (!grant) continue;
    const target =
      action === 'create'
        ? `ON ${grant.object} TO ${grant.role}${grant.suffix}`
        : `ON ${grant.object} FROM ${grant.role}`;
    const privileges = grants.get(target) ?? grants.set(target, new Map()).get(target)!;
    const columns = grant.column === null ? [] : [grant.column];
    const privilege = grant.privilege + (columns.length ? ' columns' : '');
    privileges.set(privilege, [...(privileges.get(privilege) ?? []), ...columns]);
  }
  const command = action === 'create' ? 'GRANT' : 'REVOKE';
  const grantStatements = [...grants].map(([target, privileges]) => {
    const list = [...privileges].map(([privilege, columns]) =>
      columns.length ? privilege.replace(' columns', ` (${columns.join(', ')})`) : privilege,
    );
    return `${command} ${list.join(', ')} ${target}`;
  });
  const others = objects.filter(({ grant }) => !grant).map((object) => object[action]);
  return action === 'create' ? [...others, ...grantStatements] : [...grantStatements, ...others];
}

/** The first line that differs. */
function changedLines(a: string, b: string): [string, string] {
  const [linesOfA, linesOfB] = [a.split('\n'), b.split('\n')];
  const firstChange = linesOfA.findIndex((line, index) => line !== linesOfB[index]);
  const index = firstChange === -1 ? linesOfA.length : firstChange;
  return [linesOfA[index]?.trim() ?? '(no further line)', linesOfB[index]?.trim() ?? '(no further line)'];
}
