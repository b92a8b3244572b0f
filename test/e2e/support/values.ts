import { stringify } from 'yaml';

export const HOST = 'counter.localhost';
export const CHART = 'helm/flotilla';

/** `repository:tag` of the app's image. */
export function imageOf(variable: string): { repository: string; tag: string } {
  const name = process.env[variable];
  const [, repository, tag] = /^(.+):([^:/]+)$/.exec(name ?? '') ?? [];
  if (!repository || !tag)
    throw new Error(`${variable}=${name ?? ''}: set it to an image with a tag, such as registry.example/app:1`);
  return { repository, tag };
}

/** An image that stands in for Redis and PostgreSQL where the chart's own can't be pulled. */
function standIn(): object {
  if (!process.env.E2E_SERVICES_IMAGE) return {};
  const { repository, tag } = imageOf('E2E_SERVICES_IMAGE');
  return { image: { registry: '', repository, tag, digest: '' } };
}

/** Redis in the release. */
export function embeddedRedis(): object {
  return { embedded: { enabled: true, ...standIn() } };
}

/** The values of the example, small enough for four pods on two cores, as YAML. */
export function exampleValues(values: object = {}): string {
  return stringify({
    image: imageOf('E2E_IMAGE'),
    replicaCount: 2,
    workers: 2,
    session: { generate: true },
    // Sails' own default is websockets alone.
    sockets: { transports: ['polling', 'websocket'] },
    redis: embeddedRedis(),
    postgresql: { embedded: { enabled: true, ...standIn() } },
    ingress: {
      enabled: true,
      hosts: [{ host: HOST, paths: [{ path: '/', pathType: 'Prefix' }] }],
      tls: [{ secretName: 'counter-tls', hosts: [HOST] }],
    },
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '768Mi' } },
    ...values,
  });
}
