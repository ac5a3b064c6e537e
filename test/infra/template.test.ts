import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { App } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { parseConfig } from '../../lib/config/load.js';
import { ENV } from '../../lib/config/names.js';
import { bundleHandlers } from '../../lib/infra/bundle.js';
import { GuardStack } from '../../lib/infra/guard-stack.js';
import { readTemplate } from '../../lib/local/template.js';
import { ACCOUNT, REGION } from '../../lib/simulation/fleet.js';
import { fleetBed, quickConfig } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { rolloutOf, run, statuses } from '../support/small-fleet.js';
import { DEFINITION, PRODUCTION, PROJECT } from './stack-support.js';

jest.setTimeout(180_000);
const startFleet = fleetBed();
const folder = mkdtempSync(join(tmpdir(), 'guard-synth-'));
const out = join(folder, 'cdk.out');
const file = join(out, 'Guard.template.json');
const place = { account: ACCOUNT, region: REGION };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An installation with names, a region and secrets of its own. */
const config = parseConfig(
  quickConfig((raw) => {
    raw.aws = {
      ...raw.aws,
      region: 'eu-central-1',
      external_id_secret: 'ours/external-id',
      dynamodb: { table_name: 'our-clusters', journal_table_name: 'our-journal' },
      event_bus_name: 'our-bus',
      state_machine_name: 'our-rollouts',
      secrets_manager: { gitlab_token_secret: 'ours/gitlab' },
    };
  }),
  'guard.yaml',
);

beforeAll(async () => {
  const bundles = await bundleHandlers(join(folder, 'bundles'), config);
  const { context } = JSON.parse(readFileSync(join(PROJECT, 'cdk.json'), 'utf8'));
  const app = new App({ context, outdir: out, builtinCloudFormationValidation: false });
  new GuardStack(app, 'Guard', {
    env: { region: config.aws.region },
    config,
    stage: PRODUCTION,
    definition: DEFINITION,
    code: (handler) => Code.fromAsset(bundles.folders[handler]!),
  });
  app.synth();
});

describe('what is deployed is what was tried', () => {
  it('a rollout ends healthy with the machine, the bundles and the environment of the template', async () => {
    const deployed = readTemplate(file, place);
    const fleet = await startFleet({ ...deployed });
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'healthy', verdict: 'passed' });
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
    expect(await gitlabRest(fleet).requests()).toHaveLength(1);
    expect((await rolloutOf(fleet))?.executions).toEqual([
      expect.stringMatching(/^arn:aws:states:us-east-1:\d{12}:execution:our-rollouts:/),
    ]);
    expect(fleet.engine.events().filter(({ bus }) => bus === 'our-bus').length).toBeGreaterThan(0);
    expect(fleet.engine.deadLetters()).toEqual([]);
  });

  it('takes the names of the template, and calls the versions that it deploys', () => {
    const deployed = readTemplate(file, place);
    expect(deployed.env).toEqual({
      [ENV.registryTable]: 'our-clusters',
      [ENV.journalTable]: 'our-journal',
      [ENV.eventBus]: 'our-bus',
      [ENV.stateMachineArn]: `arn:aws:states:us-east-1:${ACCOUNT}:stateMachine:our-rollouts`,
    });
    expect(Object.keys(deployed.machines)).toEqual(['our-rollouts']);
    const definition = JSON.stringify(deployed.machines);
    expect(definition).toContain(`arn:aws:lambda:us-east-1:${ACCOUNT}:function:guard-plan:1`);
    expect(definition).not.toContain('${');
  });

  it('gives a function only what the template tells it', async () => {
    const template = JSON.parse(readFileSync(file, 'utf8'));
    for (const { Type, Properties } of Object.values<{ Type: string; Properties: never }>(
      template.Resources,
    )) {
      const fn = Properties as { Environment: { Variables: Record<string, unknown> }; FunctionName: string };
      if (Type === 'AWS::Lambda::Function' && fn.FunctionName === 'guard-plan')
        delete fn.Environment.Variables[ENV.registryTable];
    }
    const other = join(out, 'Other.template.json');
    writeFileSync(other, JSON.stringify(template));
    const fleet = await startFleet({ ...readTemplate(other, place) });
    const input = { target: 'istio', version: '1.30.2', batch: 'dev-wave-1' };
    await expect(fleet.engine.invoke('Plan', { input, execution: 'arn' })).rejects.toThrow(
      /guard-cluster-registry/,
    );
    expect(process.env[ENV.registryTable]).toBe('our-clusters');
  });

  it('refuses in one line what is no template, and assets that are not there', () => {
    expect(() => readTemplate(join(folder, 'none.json'), place)).toThrow(/no such template; npx cdk synth/);
    const empty = join(folder, 'empty.json');
    writeFileSync(empty, '{}');
    expect(() => readTemplate(empty, place)).toThrow(/no functions in it/);
    mkdirSync(join(folder, 'moved'));
    const moved = join(folder, 'moved', 'Guard.template.json');
    writeFileSync(moved, readFileSync(file));
    expect(() => readTemplate(moved, place)).toThrow(
      /package of guard-[a-z-]+ \(asset\.\w+\) is not beside it/,
    );
  });
});
