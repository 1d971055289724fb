/*
 * The data source for the TypeORM CLI: npx typeorm -d ormconfig.ts …
 * CommonJS, because Node loads this file before it can load TypeScript.
 */
// eslint-disable-next-line @typescript-eslint/no-require-imports
require('@swc-node/register');
// eslint-disable-next-line @typescript-eslint/no-require-imports
module.exports = require('./src/schema/cli-data-source');
