import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { Namespace, run } from './support/kubernetes';
import { CHART } from './support/values';

const namespace = new Namespace('flotilla-e2e-dry-run');
let served: Set<string>;

beforeAll(async () => {
  await namespace.create();
  // Those of ci/*-values.yaml: a dry run does not make them, and no pod is taken without.
  for (const account of ['demo-flotilla', 'demo-flotilla-test-persistence', 'shared'])
    await namespace.kubectl('create', 'serviceaccount', account);
  const crds = process.env.E2E_CRDS;
  if (crds) {
    // Too large for what `kubectl apply` notes on an object by itself.
    await run('kubectl', ['apply', '--server-side', '-f', crds]);
    await run('kubectl', ['wait', '--for=condition=Established', '--timeout=60s', '-f', crds]);
  }
  // lines such as `deployments  deploy  apps/v1  true  Deployment`
  const kinds = await run('kubectl', ['api-resources', '--no-headers']);
  served = new Set(
    kinds
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .map((columns) => `${columns.at(-3)} ${columns.at(-1)}`),
  );
});
afterAll(() => namespace.delete());

describe('an API server takes every object that the chart renders', () => {
  for (const file of readdirSync(join(CHART, 'ci')).sort()) {
    it(file, async () => {
      const values = join(CHART, 'ci', file);
      const manifest = await namespace.helm('template', 'demo', CHART, '-f', values, '--kube-version', '1.34.0');
      const objects = parseAllDocuments(manifest)
        .map((document) => document.toJS() as { apiVersion: string; kind: string } | null)
        .filter((object) => object !== null);
      const known = objects.filter(({ apiVersion, kind }) => served.has(`${apiVersion} ${kind}`));
      expect(known.length).toBeGreaterThan(3);
      // `make test` checks the others against their schemas. GKE's definitions are not to be had.
      if (process.env.E2E_CRDS) {
        const unknown = objects.filter((object) => !known.includes(object));
        expect(unknown.filter(({ apiVersion }) => !/^(cloud|networking\.gke)\./.test(apiVersion))).toEqual([]);
      }
      const answer = await run(
        'kubectl',
        ['-n', namespace.name, 'apply', '--dry-run=server', '--validate=strict', '-f', '-'],
        {
          input: known.map((object) => stringify(object)).join('---\n'),
        },
      );
      expect(answer.trim().split('\n')).toHaveLength(known.length);
    });
  }
});
