/** ESM TypeScript through swc; types are checked by `npm run types`. */
export default {
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  collectCoverageFrom: ['lib/**/*.ts'],
  // Far above what any test needs: a busy machine is no failure.
  testTimeout: 120_000,
  // Every core: jest leaves one free by default, which on two cores halves the speed.
  maxWorkers: '100%',
  // Files that load the engine or the CDK leave much behind in a worker.
  workerIdleMemoryLimit: '1500MB',
};
