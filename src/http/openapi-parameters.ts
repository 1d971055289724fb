import { demoId } from '../core/demo-data';
import type { Operation } from './openapi-problems';
import { PageQuery, RowQuery } from './page-query';
import { fieldsOf } from './views';

interface Parameter {
  name: string;
  in: string;
  description?: string;
  schema: { type?: string; [keyword: string]: unknown };
  style?: string;
  explode?: boolean;
}

/** The parameters that follow the filters of a list, in this order. All other common parameters come after them. */
const afterFilters = ['q', 'sort', ...fieldsOf(PageQuery)];

/**
 * Completes the parameters of an operation: ids with an example from the demo data, lists separated by commas, and the
 * filters of a list before the parameters of every list.
 * @returns the path with the examples
 */
export function describeParameters(path: string, method: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []) as Parameter[];
  let url = path;
  for (const parameter of parameters) {
    if (parameter.in === 'path') {
      const example = exampleId(path, method, parameter.name);
      parameter.description = `Id of the ${singularOf(collectionOf(path, parameter.name))}.`;
      parameter.schema = { type: 'string', format: 'uuid', example };
      url = url.replace(`{${parameter.name}}`, example);
    } else if (parameter.schema.type === 'array') {
      Object.assign(parameter, { style: 'form', explode: false });
    }
  }
  const rank = ({ name }: Parameter) =>
    afterFilters.includes(name) ? 1 + afterFilters.indexOf(name) : isCommon(name) ? 100 : 0;
  operation.parameters = parameters.sort((a, b) => rank(a) - rank(b)) as Operation['parameters'];
  return url;
}

const isCommon = (name: string) => fieldsOf(RowQuery).includes(name);

/** A deletion has another example than the other operations, so that they can be tried after it. */
function exampleId(path: string, method: string, name: string): string {
  const isDeleted =
    ((method === 'delete' && path.endsWith('}')) || path.endsWith('/restore')) &&
    path.lastIndexOf('{') === path.indexOf(`{${name}}`);
  return demoId(collectionOf(path, name), isDeleted ? 2 : 1);
}

/** The path segment before a parameter, such as `tasks`. */
function collectionOf(path: string, name: string): string {
  return path.split(`/{${name}}`)[0]!.split('/').at(-1)!;
}

/** `time entry` for `time-entries` */
function singularOf(collection: string): string {
  return collection.replace(/ies$/, 'y').replace(/s$/, '').replaceAll('-', ' ');
}
