import { ApiTags } from '@nestjs/swagger';

interface Group {
  name: string;
  description: string;
  isAdvanced: boolean;
}

const groups = new Map<string, Group>();

/**
 * The group of the operations of a controller in Swagger UI. Groups are shown in the order of the modules.
 * @param isAdvanced whether the group is shown after all others, because few users need it
 */
export function ApiGroup(name: string, description: string, { isAdvanced = false } = {}): ClassDecorator {
  groups.set(name, { name, description, isAdvanced });
  return ApiTags(name);
}

/** Describes the groups. @param names in the order of their first operation */
export function describeGroups(names: string[]): { name: string; description: string }[] {
  const found = [...new Set(names)].flatMap((name) => groups.get(name) ?? []);
  return [...found]
    .sort((a, b) => Number(a.isAdvanced) - Number(b.isAdvanced))
    .map(({ name, description }) => ({ name, description }));
}
