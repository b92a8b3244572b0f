import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CI_VALUES, type Manifest, podSpecs, render, renderCi } from './support/chart';
import { CHART, ROOT, run } from './support/tools';

const SCHEMAS = join(ROOT, 'test/helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json');
/** Containers of `extras` are given by its values. */
const OWN = CI_VALUES.filter((name) => name !== 'extras');

beforeAll(() => {
  const { exitCode, stderr } = run(process.execPath, ['scripts/bundle-loadtest.mjs']);
  if (exitCode !== 0) throw new Error(stderr);
});

function conforms(...paths: string[]) {
  return run('kubeconform', ['-strict', '-output', 'json', '-schema-location', SCHEMAS, ...paths]);
}

describe('every field is one that Kubernetes or the controller knows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-render-'));
  let complaints: { filename: string; kind: string; msg: string }[];

  beforeAll(() => {
    for (const ci of CI_VALUES)
      writeFileSync(
        join(folder, `${ci}.json`),
        renderCi(ci)
          .map((one) => JSON.stringify(one))
          .join('\n---\n'),
      );
    complaints = JSON.parse(conforms(folder).stdout).resources;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(CI_VALUES)('ci/%s-values.yaml', (ci) => {
    expect(renderCi(ci).length).toBeGreaterThan(3);
    expect(complaints.filter(({ filename }) => filename === join(folder, `${ci}.json`))).toEqual([]);
  });
});

it('lints', () => {
  const files = ['one-pod', 'trial', 'extras'].map((name) => join(CHART, 'ci', `${name}-values.yaml`));
  for (const file of files) {
    const { exitCode, stdout, stderr } = run('helm', [
      'lint',
      '--strict',
      '--kube-version',
      '1.34.0',
      CHART,
      '--values',
      file,
    ]);
    expect(`${stdout}${stderr}`).not.toMatch(/\[(ERROR|WARNING)\]/);
    expect(exitCode).toBe(0);
  }
});

it('the check of fields finds a field with a typo, a wrong type and an unknown kind', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-render-'));
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } };
  const typo = JSON.stringify({ ...service, spec: { sessionAfinity: 'ClientIP' } });
  const type = JSON.stringify({ ...service, spec: { publishNotReadyAddresses: 'yes' } });
  const kind = JSON.stringify({ ...service, kind: 'Servise' });
  const nested = JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'a' },
    spec: { host: 'a', trafficPolicy: { loadBalancer: { consistentHash: { httpCookies: {} } } } },
  });
  const files = [typo, type, kind, nested].map((text, index) => {
    const file = join(folder, `${index}.json`);
    writeFileSync(file, text);
    return file;
  });
  const { resources } = JSON.parse(conforms(...files).stdout) as { resources: { filename: string; status: string }[] };
  rmSync(folder, { recursive: true, force: true });
  expect(resources.map(({ filename }) => filename).sort()).toEqual(files);
});

describe('every pod', () => {
  const pods = (ci: string) => podSpecs(renderCi(ci));

  it.each(OWN)('meets the restricted standard (%s)', (ci) => {
    for (const { of, spec } of pods(ci)) {
      expect(spec.securityContext, of).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
        expect(container.securityContext, of).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
      for (const volume of spec.volumes ?? []) expect(volume, of).not.toHaveProperty('hostPath');
    }
  });

  it('has no token, but for the test that reads a route back', () => {
    const tokens = OWN.flatMap((ci) =>
      pods(ci).flatMap(({ of, spec }) => (spec.automountServiceAccountToken === false ? [] : [`${ci}: ${of}`])),
    );
    expect(tokens).toEqual(['mode-gateway: Pod demo-flotilla-test-persistence']);
  });
});

describe('objects', () => {
  const all = CI_VALUES.map((ci) => ({ ci, manifests: renderCi(ci) }));

  it('carry the labels that Helm and people look for', () => {
    for (const { ci, manifests } of all) {
      for (const { kind, metadata } of manifests.filter(isOwn)) {
        expect(metadata.labels, `${ci}: ${kind} ${metadata.name}`).toMatchObject({
          'app.kubernetes.io/instance': 'demo',
          'app.kubernetes.io/managed-by': 'Helm',
          'app.kubernetes.io/part-of': 'flotilla',
        });
      }
    }
  });

  it('have names of their own within their kind', () => {
    for (const { manifests } of all) {
      const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it("no selector of the app meets another part's pods", () => {
    for (const { ci, manifests } of all) {
      const selectors = manifests
        .filter(({ kind }) => kind === 'Service')
        .map(({ spec }) => (spec as { selector: Record<string, string> }).selector);
      const pods = manifests.flatMap(({ kind, metadata, spec }) => {
        const inner = (spec as { template?: { metadata: { labels: Record<string, string> } } })?.template;
        return kind === 'Pod' ? [metadata.labels ?? {}] : inner ? [inner.metadata.labels] : [];
      });
      for (const labels of pods) {
        const parts = selectors
          .filter((selector) => Object.entries(selector).every(([key, value]) => labels[key] === value))
          .map((selector) => selector['app.kubernetes.io/name']);
        expect(new Set(parts).size, ci).toBeLessThanOrEqual(1);
      }
    }
  });

  /** `extraObjects` are those of the values. */
  function isOwn({ metadata }: Manifest): boolean {
    return !/-(extra|text)$/.test(metadata.name);
  }
});

describe('C27: images', () => {
  const images = CI_VALUES.flatMap((ci) =>
    podSpecs(renderCi(ci)).flatMap(({ spec }) => [...spec.containers, ...(spec.initContainers ?? [])]),
  ).map(({ image }) => image);

  it('none comes from Bitnami, whose free images are gone', () => {
    expect(images.length).toBeGreaterThan(50);
    expect(images.filter((image) => /bitnami/.test(image))).toEqual([]);
  });

  it('those of a trial are pinned by digest', () => {
    const foreign = images.filter((image) => image.startsWith('docker.io/') && !image.includes('grafana/k6'));
    expect(new Set(foreign.map((image) => image.split('@')[0]))).toEqual(
      new Set(['docker.io/valkey/valkey:9.1.2-alpine', 'docker.io/library/postgres:17-alpine']),
    );
    for (const image of foreign) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
  });

  it('each can be had from elsewhere', () => {
    const image = { registry: 'mirror.example', repository: 'a/b', tag: '1', digest: '', pullPolicy: 'Never' };
    const manifests = render(
      { image: { ...image }, redis: { embedded: { image } }, postgresql: { embedded: { image } } },
      { ci: 'trial' },
    );
    const used = podSpecs(manifests).flatMap(({ spec }) => [...spec.containers, ...(spec.initContainers ?? [])]);
    expect(new Set(used.map((container) => container.image))).toEqual(new Set(['mirror.example/a/b:1']));
  });
});

it('a release is far from what a Secret holds, in which Helm keeps all of the chart', () => {
  const { stdout } = run('helm', ['package', CHART, '--destination', tmpdir()]);
  const [, archive = ''] = /saved it to: (.*\.tgz)/.exec(stdout) ?? [];
  const { size } = statSync(archive);
  rmSync(archive);
  expect(size).toBeGreaterThan(20_000);
  expect(size).toBeLessThan(200_000);
});

it('nothing is made without a value that asks for it', () => {
  const kinds = renderCi('one-pod').map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(kinds.sort()).toEqual([
    'ConfigMap demo-flotilla',
    'Deployment demo-flotilla',
    'Pod demo-flotilla-test-probe',
    'Service demo-flotilla',
    'Service demo-flotilla-peer',
    'ServiceAccount demo-flotilla',
  ]);
});
