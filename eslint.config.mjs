import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const noPg = { name: 'pg', message: 'Only src/database sends statements.' };
const noTypeorm = {
  name: 'typeorm',
  message: 'Only src/database, src/schema, entities and repositories use TypeORM.',
};
const noNestTypeorm = { ...noTypeorm, name: '@nestjs/typeorm' };

/** Names that come from SQL and JSON are snake_case and stay so where they are destructured. */
const naming = [
  { selector: 'variableLike', format: ['camelCase'], leadingUnderscore: 'allow' },
  { selector: 'variable', modifiers: ['const'], format: ['camelCase', 'PascalCase'] },
  { selector: ['variable', 'parameter'], modifiers: ['destructured'], format: null },
  { selector: 'parameter', format: ['camelCase', 'PascalCase'], leadingUnderscore: 'allow' },
  // Decorators are functions with the names of classes.
  { selector: 'function', format: ['camelCase', 'PascalCase'] },
  { selector: 'classMethod', format: ['camelCase'] },
  { selector: 'typeLike', format: ['PascalCase'] },
];

export default tseslint.config(
  { ignores: ['dist', '.data', 'node_modules', 'test/clients/build', 'test/clients/generated'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/naming-convention': ['error', ...naming],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/core/config.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only src/core/config.ts reads the environment.' },
      ],
    },
  },
  // Who may talk to PostgreSQL. The other rules between layers are in .dependency-cruiser.cjs.
  {
    files: ['src/**/*.ts'],
    ignores: ['src/database/**', 'src/schema/**', 'src/**/*.repository.ts', 'src/**/*.entity.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [noPg, noTypeorm, noNestTypeorm] }] },
  },
  {
    files: ['src/schema/**/*.ts', 'src/**/*.repository.ts', 'src/**/*.entity.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [noPg] }] },
  },
  // supertest types every body as any.
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-unsafe-assignment': 'off' } },
  // Their types come from generated code. No cast may hide that the OpenAPI document is wrong.
  {
    files: ['test/clients/scenarios/**'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: {
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
      'no-console': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: { globals: { module: 'writable', require: 'readonly' } },
  },
);
