import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** TypeORM's ways to rows: they stay where the SQL lives. */
const rowAccess = ['Repository', 'EntityManager', 'QueryBuilder', 'SelectQueryBuilder', 'DataSource'];

export default tseslint.config(
  { ignores: ['dist', '.data', 'node_modules'] },
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
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'src/config.ts is the only reader of the environment.',
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/database/**', 'src/schema/**', 'src/**/*.repository.ts', 'src/cli.ts', 'src/cli/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'pg',
              importNames: ['Pool', 'PoolClient', 'Client'],
              message: 'Only src/database talks to PostgreSQL.',
            },
            {
              name: 'typeorm',
              importNames: rowAccess,
              message: 'Only src/database, the *.repository.ts files and the operator’s commands reach rows.',
            },
          ],
        },
      ],
    },
  },
  // supertest types every body as any.
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-unsafe-assignment': 'off' } },
  { files: ['**/*.js', '**/*.mjs'], languageOptions: { globals: { module: 'writable' } } },
);
