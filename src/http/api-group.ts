import { ApiTags } from '@nestjs/swagger';

interface Group {
  name: string;
  description: string;
  position: number;
}

const groups = new Map<string, Group>();

/**
 * The group of the operations of a controller in Swagger UI.
 * @param position among the groups, in the order in which a person explores them: 1 to 9 for the most important ones, 20
 * and more for those that few users need
 */
export function ApiGroup(name: string, description: string, position = 10): ClassDecorator {
  groups.set(name, { name, description, position });
  return ApiTags(name);
}

/** Describes the groups with these names, in their order. */
export function describeGroups(names: string[]): { name: string; description: string }[] {
  const found = [...new Set(names)].flatMap((name) => groups.get(name) ?? []);
  return [...found]
    .sort((a, b) => a.position - b.position)
    .map(({ name, description }) => ({ name, description }));
}
