import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
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
      const documents = parseAllDocuments(manifest).filter((document) => document.toJS() !== null);
      const isServed = (document: (typeof documents)[number]) => {
        const { apiVersion, kind } = document.toJS() as { apiVersion: string; kind: string };
        return served.has(`${apiVersion} ${kind}`);
      };
      const known = documents.filter(isServed);
      expect(known.length).toBeGreaterThan(3);
      // `make test` checks the others against their schemas. GKE's definitions are not to be had.
      if (process.env.E2E_CRDS) {
        const unknown = documents.filter((document) => !isServed(document)).map(String);
        expect(unknown.filter((text) => !/^apiVersion: (cloud\.google|networking\.gke)\./m.test(text))).toEqual([]);
      }
      const answer = await run(
        'kubectl',
        ['-n', namespace.name, 'apply', '--dry-run=server', '--validate=strict', '-f', '-'],
        {
          input: known.map(String).join('\n---\n'),
        },
      );
      expect(answer.trim().split('\n')).toHaveLength(known.length);
    });
  }
});

it('and every object of k8s/overlays/production', async () => {
  const written = await run('kubectl', ['kustomize', 'k8s/overlays/production']);
  const answer = await namespace.kubectl(
    'apply',
    '--dry-run=server',
    '--validate=strict',
    '-k',
    'k8s/overlays/production',
  );
  expect(answer.trim().split('\n')).toHaveLength(parseAllDocuments(written).length);
});
