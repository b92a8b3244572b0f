// Writes the manifests of k8s/ that follow from the chart: `node scripts/kustomize-manifests.mjs`. What a folder adds by hand is
// in its kustomization.yaml. `--check` writes nothing and fails where a file differs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';

const root = join(import.meta.dirname, '..');
const tools = execFileSync('sh', [join(root, 'scripts/tools.sh'), '--dir'], { encoding: 'utf8' }).trim();
const NOTE = '# Made from the chart: node scripts/kustomize-manifests.mjs\n';

const BASE = {
  // kustomize's `images` sets it
  image: { repository: 'app', tag: 'latest' },
  replicaCount: 2,
  session: { existingSecret: 'flotilla-session' },
  redis: { existingSecret: 'flotilla-redis', namespace: 'flotilla' },
  origins: ['http://localhost'],
  tests: { enabled: false },
};
const HOST = { host: 'app.example.com', paths: [{ path: '/', pathType: 'Prefix' }] };
const TRIAL = {
  redis: { existingSecret: '', embedded: { enabled: true, existingSecret: 'flotilla-redis' } },
  postgresql: { embedded: { enabled: true, existingSecret: 'flotilla-postgresql' } },
};
const PRODUCTION = {
  ingress: { enabled: true, hosts: [HOST], tls: [{ secretName: 'app-tls', hosts: [HOST.host] }] },
  autoscaling: { enabled: true, minReplicas: 3 },
  networkPolicy: { enabled: true },
};

/** By file: the values beside those of the base, and which objects of what the chart renders. */
const FILES = {
  'base/deployment.yaml': [{}, ['Deployment flotilla']],
  'base/service.yaml': [{}, ['Service flotilla']],
  'base/peer-service.yaml': [{}, ['Service flotilla-peer']],
  'base/serviceaccount.yaml': [{}, ['ServiceAccount flotilla']],
  'overlays/dev/redis.yaml': [TRIAL, ['Deployment flotilla-redis', 'Service flotilla-redis']],
  'overlays/dev/postgresql.yaml': [TRIAL, ['Deployment flotilla-postgresql', 'Service flotilla-postgresql']],
  'overlays/production/ingress.yaml': [PRODUCTION, ['Ingress flotilla']],
  'overlays/production/autoscaler.yaml': [PRODUCTION, ['HorizontalPodAutoscaler flotilla']],
  'overlays/production/disruption-budget.yaml': [PRODUCTION, ['PodDisruptionBudget flotilla']],
  'overlays/production/network-policy.yaml': [PRODUCTION, ['NetworkPolicy flotilla']],
};

const isCheck = process.argv.includes('--check');
const differing = [];
for (const [path, [values, names]] of Object.entries(FILES)) {
  const objects = render(merge(BASE, values)).filter(({ kind, metadata }) =>
    names.includes(`${kind} ${metadata.name}`),
  );
  if (objects.length !== names.length) throw new Error(`${path}: ${objects.length} of ${names.length} objects`);
  write(path, NOTE + objects.map((object) => stringify(plain(object), { lineWidth: 0, version: '1.1' })).join('---\n'));
}
// FLOTILLA_RELEASE is the image's name, which each overlay has its own of
const { FLOTILLA_RELEASE, ...settings } = render(BASE).find(({ kind }) => kind === 'ConfigMap').data;
write(
  'base/settings.env',
  NOTE +
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
);

for (const path of differing)
  console.error(`k8s/${path} is not what the chart renders: run node scripts/kustomize-manifests.mjs`);
process.exitCode = differing.length > 0 ? 1 : 0;

function render(values) {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-kustomize-'));
  try {
    const file = join(folder, 'values.yaml');
    writeFileSync(file, stringify(values));
    const text = execFileSync(
      'helm',
      ['template', 'flotilla', join(root, 'helm/flotilla'), '--kube-version', '1.34.0', '--values', file],
      { encoding: 'utf8', env: { ...process.env, PATH: [process.env.PATH, tools].join(delimiter) } },
    );
    return parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without what only Helm needs; kustomize's hashes take the place of the checksums. */
function plain(object) {
  const { metadata, spec } = object;
  const template = spec?.template;
  for (const part of [metadata, template?.metadata]) {
    for (const label of ['helm.sh/chart', 'app.kubernetes.io/managed-by', 'app.kubernetes.io/version'])
      delete part?.labels?.[label];
  }
  for (const name of ['checksum/config', 'checksum/secret']) delete template?.metadata.annotations?.[name];
  if (template?.metadata.annotations && Object.keys(template.metadata.annotations).length === 0)
    delete template.metadata.annotations;
  return object;
}

function merge(one, other) {
  const isMap = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
  return Object.fromEntries(
    [...new Set([...Object.keys(one), ...Object.keys(other)])].map((key) => [
      key,
      isMap(one[key]) && isMap(other[key]) ? merge(one[key], other[key]) : key in other ? other[key] : one[key],
    ]),
  );
}

function write(path, text) {
  const file = join(root, 'k8s', path);
  if (isCheck) {
    if (readFileSync(file, 'utf8') !== text) differing.push(path);
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
