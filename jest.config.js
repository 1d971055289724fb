/** @type {import('jest').Config} */
module.exports = {
  testMatch: ['<rootDir>/test/**/*.e2e-spec.ts', '<rootDir>/src/**/*.spec.ts'],
  transform: { '\\.[jt]s$': '@swc/jest' },
  // These packages are ES modules; jest runs CommonJS.
  transformIgnorePatterns: [
    '/node_modules/(?!(@nestjs|@seriousme|uuid|content-disposition|p-limit|yocto-queue|postal-mime)/)',
  ],
  // They need tools with an installation of their own: npm run test:clients.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/clients/'],
  globalSetup: '<rootDir>/test/setup/global-setup.ts',
  // Only a test that hangs takes so long, also on a busy machine.
  testTimeout: 600_000,
  maxWorkers: 2,
  // Modules of earlier test files stay in memory; collecting that garbage takes longer than a new process.
  workerIdleMemoryLimit: '800MB',
};
