import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Namespace } from './kubernetes';
import { run } from './kubernetes';

const NAME = 'metrics-adapter';
const labels = { app: NAME };
const API_SERVICE = 'v1beta1.custom.metrics.k8s.io';

/**
 * Serves `flotilla_sockets` as a custom metric, for the whole cluster: only where nobody else does.
 *
 * @param image which has Node.js
 * @param tlsSecret certificate of anybody's
 */
export async function installMetricsAdapter(namespace: Namespace, image: string, tlsSecret: string): Promise<void> {
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }];
  const objects = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAME } },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: NAME }, rules },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: NAME },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: NAME },
      subjects: [{ kind: 'ServiceAccount', name: NAME }],
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME },
      data: { 'main.cjs': readFileSync(join(__dirname, 'metrics-adapter.cjs'), 'utf8') },
    },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: NAME }, spec: deployment(image, tlsSecret) },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: NAME },
      spec: { selector: labels, ports: [{ port: 443, targetPort: 8443 }] },
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: API_SERVICE },
      spec: {
        group: 'custom.metrics.k8s.io',
        version: 'v1beta1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { name: NAME, namespace: namespace.name },
      },
    },
  ];
  await namespace.apply(objects.map((object) => stringify(object)).join('---\n'));
  await namespace.kubectl('rollout', 'status', `deployment/${NAME}`, '--timeout=60s');
  await run('kubectl', ['wait', '--for=condition=Available', `apiservice/${API_SERVICE}`, '--timeout=60s']);
}

/** An API without its server would keep every namespace from being deleted. */
export async function removeMetricsAdapter(namespace: Namespace): Promise<void> {
  await run('kubectl', ['delete', 'apiservice', API_SERVICE, '--ignore-not-found']);
  await namespace.kubectl(
    'delete',
    'deployment,service,configmap,rolebinding,role,serviceaccount',
    NAME,
    '--ignore-not-found',
  );
}

function deployment(image: string, secretName: string): object {
  const container = {
    name: 'adapter',
    image,
    command: ['node', '/app-metrics/main.cjs'],
    env: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt' }],
    readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'script', mountPath: '/app-metrics' },
      { name: 'tls', mountPath: '/tls' },
    ],
  };
  return {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: NAME,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [container],
        volumes: [
          { name: 'script', configMap: { name: NAME } },
          { name: 'tls', secret: { secretName } },
        ],
      },
    },
  };
}
