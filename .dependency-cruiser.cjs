/** The import fences of docs/architecture: a layer may import what its list names, and nothing else of lib. */
const LAYERS = {
  domain: [],
  gitops: ['domain'],
  analysis: ['domain', 'config'],
  config: ['domain'],
  ports: ['domain', 'config', 'gitops', 'analysis'],
  targets: ['domain', 'gitops', 'analysis', 'config', 'ports'],
  phases: ['domain', 'gitops', 'analysis', 'config', 'ports', 'targets'],
  adapters: ['domain', 'config', 'ports'],
  infra: ['domain', 'config', 'phases'],
};

const layers = Object.entries(LAYERS).map(([layer, allowed]) => ({
  name: `${layer}-imports`,
  comment: `lib/${layer} may import ${allowed.map((name) => `lib/${name}`).join(', ') || 'no other layer'}`,
  severity: 'error',
  from: { path: `^lib/${layer}/` },
  to: { path: '^(lib|bin|lambdas|test)/', pathNot: `^lib/(${[layer, ...allowed].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'pure',
      comment: 'domain, analysis and gitops do no I/O and use no SDK; they parse what they are given',
      severity: 'error',
      from: { path: '^lib/(domain|analysis|gitops)/' },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'core'],
        pathNot: ['node_modules/(yaml|diff|zod)/', '^path(/posix)?$'],
      },
    },
    {
      name: 'phases-no-sdk',
      comment: 'phases and targets reach the outside through ports',
      severity: 'error',
      from: { path: '^lib/(phases|targets|ports)/' },
      to: { dependencyTypes: ['npm', 'npm-dev'], pathNot: 'node_modules/(zod|yaml)/' },
    },
    {
      name: 'adapters-apart',
      comment: 'adapters do not import each other; what they share is in shared/',
      severity: 'error',
      from: { path: '^lib/adapters/([^/]+)/' },
      to: {
        path: '^lib/adapters/([^/]+)/',
        pathNot: ['^lib/adapters/$1/', '^lib/adapters/(shared|kubernetes)/'],
      },
    },
    {
      name: 'cdk-only-in-infra',
      comment: 'aws-cdk-lib is for lib/infra and bin/app.ts',
      severity: 'error',
      from: { pathNot: '^(lib/infra/|bin/app\\.ts|test/)' },
      to: { path: 'node_modules/(aws-cdk-lib|constructs)/' },
    },
    {
      name: 'lambdas-imports',
      comment: 'handlers name phases and adapters; no simulation, no command line',
      severity: 'error',
      from: { path: '^lambdas/' },
      to: { path: '^lib/(local|simulation|cli|infra)/' },
    },
    {
      name: 'local-without-infra',
      comment: 'the embedded engine and the simulation work without the CDK',
      severity: 'error',
      from: { path: '^lib/(local|simulation|cli)/' },
      to: { path: '^lib/infra/' },
    },
    {
      name: 'simulation-judges-alone',
      comment: 'the simulated Flux must not share the edit engine, or its mistakes would hide there',
      severity: 'error',
      from: { path: '^lib/simulation/' },
      to: { path: '^lib/gitops/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    parser: 'swc',
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
