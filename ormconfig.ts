/*
 * The data source for the TypeORM CLI: npx typeorm -d ormconfig.ts …
 * CommonJS, because Node loads this file before it can load TypeScript.
 */
/* eslint-disable @typescript-eslint/no-require-imports, @typescript-eslint/no-unsafe-assignment */
require('@swc-node/register');
module.exports = require('./src/schema/cli-data-source');
