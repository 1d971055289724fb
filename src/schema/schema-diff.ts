import { Kind, kinds, SchemaObject, SchemaSnapshot } from './schema-snapshot';

/** An object that exists in one of two schemas only, or has another definition in each. */
export interface Difference {
  actual?: SchemaObject;
  wanted?: SchemaObject;
}

/** @param of the kinds to compare; by default all of them */
export function differences(
  actual: SchemaSnapshot,
  wanted: SchemaSnapshot,
  of: readonly Kind[] = kinds,
): Difference[] {
  const found: Difference[] = [];
  for (const [key, object] of wanted) {
    const other = actual.get(key);
    if (other?.create !== object.create) found.push({ ...(other && { actual: other }), wanted: object });
  }
  for (const [key, object] of actual) if (!wanted.has(key)) found.push({ actual: object });
  return found.filter((difference) => of.includes(kindOf(difference)));
}

/** The statements that lead from the actual objects to the wanted ones: dependent objects are dropped first. */
export function statements(found: Difference[]): string[] {
  const ofKind = (kind: Kind) => found.filter((difference) => kindOf(difference) === kind);
  const drops = kinds
    .flatMap(ofKind)
    .flatMap(({ actual, wanted }) => (actual && !isReplaced(actual, wanted) ? [actual] : []))
    .reverse();
  const creates = kinds.flatMap(ofKind).flatMap(({ wanted }) => wanted ?? []);
  return [...combined(drops, 'drop'), ...combined(creates, 'create')];
}

/** One line for each difference, and the definitions of what changed. */
export function report(found: Difference[]): string {
  return found
    .map((difference) => {
      const { actual, wanted } = difference;
      const object = `${kindOf(difference)} ${(wanted ?? actual)!.name}`;
      if (!actual) return `  missing in the database: ${object}`;
      if (!wanted) return `  only in the database: ${object}`;
      const [inDatabase, inFiles] = changedLines(actual.create, wanted.create);
      return `  different: ${object}\n    database:  ${inDatabase}\n    sources:   ${inFiles}`;
    })
    .join('\n');
}

function kindOf({ actual, wanted }: Difference): Kind {
  return (wanted ?? actual)!.kind;
}

function isReplaced(actual: SchemaObject, wanted: SchemaObject | undefined): boolean {
  return wanted?.kind === 'function' && wanted.signature === actual.signature;
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
  const verb = action === 'create' ? 'GRANT' : 'REVOKE';
  const ofGrants = [...grants].map(([target, privileges]) => {
    const list = [...privileges].map(([privilege, columns]) =>
      columns.length ? privilege.replace(' columns', ` (${columns.join(', ')})`) : privilege,
    );
    return `${verb} ${list.join(', ')} ${target}`;
  });
  const others = objects.filter(({ grant }) => !grant).map((object) => object[action]);
  return action === 'create' ? [...others, ...ofGrants] : [...ofGrants, ...others];
}

/** The first line that differs. */
function changedLines(a: string, b: string): [string, string] {
  const [linesOfA, linesOfB] = [a.split('\n'), b.split('\n')];
  const at = linesOfA.findIndex((line, index) => line !== linesOfB[index]);
  const index = at === -1 ? linesOfA.length : at;
  return [linesOfA[index]?.trim() ?? '(no further line)', linesOfB[index]?.trim() ?? '(no further line)'];
}
