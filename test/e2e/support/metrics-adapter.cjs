// The custom metrics API of Kubernetes, with one metric: the pods' own `flotilla_sockets`, read anew for each question. In the place of
// Prometheus and its adapter. Runs in a pod, as a user that may list pods.
const { readFileSync } = require('node:fs');
const { createServer } = require('node:https');

const API = '/apis/custom.metrics.k8s.io/v1beta1';
const METRIC = 'flotilla_sockets';
const account = (file) => readFileSync(`/var/run/secrets/kubernetes.io/serviceaccount/${file}`, 'utf8');
const namespace = account('namespace');

createServer({ key: readFileSync('/tls/tls.key'), cert: readFileSync('/tls/tls.crt') }, (request, response) => {
  answer(new URL(request.url, 'https://adapter'))
    .then((body) =>
      response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    )
    .catch((error) => response.writeHead(500).end(String(error)));
}).listen(8443);

async function answer({ pathname, searchParams }) {
  if (pathname === API) {
    const resources = [{ name: `pods/${METRIC}`, namespaced: true, kind: 'MetricValueList', verbs: ['get'] }];
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'custom.metrics.k8s.io/v1beta1', resources };
  }
  if (decodeURIComponent(pathname) !== `${API}/namespaces/${namespace}/pods/*/${METRIC}`) return undefined;
  const pods = await runningPods(searchParams.get('labelSelector') ?? '');
  const items = await Promise.all(
    pods.map(async ({ metadata, status }) => ({
      describedObject: { kind: 'Pod', apiVersion: '/v1', name: metadata.name, namespace },
      metricName: METRIC,
      timestamp: new Date().toISOString(),
      value: String(await socketsOf(status.podIP)),
    })),
  );
  return { kind: 'MetricValueList', apiVersion: 'custom.metrics.k8s.io/v1beta1', metadata: {}, items };
}

async function runningPods(labelSelector) {
  const url = new URL(`https://kubernetes.default.svc/api/v1/namespaces/${namespace}/pods`);
  url.search = new URLSearchParams({ labelSelector, fieldSelector: 'status.phase=Running' }).toString();
  const response = await fetch(url, { headers: { authorization: `Bearer ${account('token')}` } });
  if (!response.ok) throw new Error(`pods: ${response.status}`);
  return (await response.json()).items;
}

/** A pod that answers nothing has no sockets that count. */
async function socketsOf(address) {
  try {
    const page = await (await fetch(`http://${address}:9090/metrics`, { signal: AbortSignal.timeout(2_000) })).text();
    const lines = page.split('\n').filter((line) => line.startsWith(`${METRIC}{`) || line.startsWith(`${METRIC} `));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  } catch {
    return 0;
  }
}
