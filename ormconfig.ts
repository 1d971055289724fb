export { default } from './src/database/cli-data-source';
