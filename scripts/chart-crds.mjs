// The custom resources that the chart renders, with their definitions from the Go modules of those who have them. GKE's are in none.
// `node scripts/chart-crds.mjs FILE` writes them for kubectl.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const CRDS = [
  [
    'sigs.k8s.io/gateway-api@v1.6.3',
    'config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml',
    'HTTPRoute',
    'v1',
  ],
  ['github.com/projectcontour/contour@v1.33.8', 'examples/contour/01-crds.yaml', 'HTTPProxy', 'v1'],
  ['istio.io/api@v1.31.4', 'kubernetes/customresourcedefinitions.gen.yaml', 'DestinationRule', 'v1'],
  [
    'github.com/envoyproxy/gateway@v1.9.1',
    'charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_backendtrafficpolicies.yaml',
    'BackendTrafficPolicy',
    'v1alpha1',
  ],
  ...['PodMonitor', 'PrometheusRule', 'ServiceMonitor'].map((kind) => [
    'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    `example/prometheus-operator-crd/monitoring.coreos.com_${kind.toLowerCase()}s.yaml`,
    kind,
    'v1',
  ]),
];

/** The definition of each, with its kind and the version that the chart writes. Needs Go, and a network the first time. */
export function chartCrds() {
  return CRDS.map(([module, path, kind, version]) => {
    const crd = parseAllDocuments(readFileSync(join(moduleFolder(module), path), 'utf8'))
      .map((document) => document.toJS())
      .find((found) => found?.spec?.names.kind === kind);
    return { crd, kind, version };
  });
}

/** Where Go keeps the sources of a module, given as `path@version`. */
export function moduleFolder(module) {
  const answer = execFileSync('go', ['mod', 'download', '-json', module], { cwd: tmpdir(), encoding: 'utf8' });
  return JSON.parse(answer).Dir;
}

if (process.argv[1] === import.meta.filename && process.argv[2]) {
  const items = chartCrds().map(({ crd }) => crd);
  writeFileSync(process.argv[2], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}
