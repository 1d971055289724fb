export { default } from './src/schema/cli-data-source';
