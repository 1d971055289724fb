/*
 * The layers of src, from the bottom: core ← database, http ← features ← schema ← cli ← app. A layer imports only from
 * the layers below it, and circular imports are not allowed. Type-only imports count too.
 */
const app = '^src/[^/]+\\.ts$';
const feature = '^src/(?!core/|database/|http/|schema/|cli/)[^/]+/';
const unitTest = '\\.spec\\.ts$';

/** Forbids imports from src that are not listed. */
const layer = (name, from, ...allowed) => ({
  name: `layer-${name}`,
  comment: `${name} may import from: ${allowed.join(', ')}`,
  severity: 'error',
  from: { path: from, pathNot: unitTest },
  to: { path: '^src/', pathNot: allowed },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    layer('core', '^src/core/', '^src/core/'),
    layer('database', '^src/database/', '^src/core/', '^src/database/'),
    layer('http', '^src/http/', '^src/core/', '^src/http/'),
    layer('features', feature, '^src/core/', '^src/database/', '^src/http/', feature),
    layer('schema', '^src/schema/', '^src/core/', '^src/database/', '^src/http/', feature, '^src/schema/'),
    {
      name: 'layer-cli',
      comment: 'The operator commands do not import the application.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: app },
    },
    {
      name: 'no-circles',
      comment: 'Circular imports are not allowed.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-tests-in-src',
      comment: 'Test helpers and benchmarks are not for the application.',
      severity: 'error',
      from: { path: '^src/', pathNot: unitTest },
      to: { path: '^(test|bench)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
