/**
 * The name of an operation, from which clients derive the name of a method. A method that is only a verb gets the
 * resource of its controller: `list` and `get` of TasksController are `listTasks` and `getTask`. All others are complete,
 * such as `listSubtasks`.
 */
export function operationIdOf(controller: string, key: string): string {
  const method = key.replace(/\[\d+\]$/, ''); // Nest numbers the routes of a method with several paths.
  const isVerb = /^[a-z]+$/.test(method);
  const resources = controller.replace(/Controller$/, '');
  // AuthController is not named after a resource: `login`.
  if (!isVerb || !resources.endsWith('s')) return method;
  return method + (method === 'list' ? resources : resources.replace(/ies$/, 'y').replace(/s$/, ''));
}

/** The name of a schema. `View` distinguishes responses from entities, which the document does not contain. */
export function schemaNameOf(className: string): string {
  return className.replace(/View$/, '');
}
