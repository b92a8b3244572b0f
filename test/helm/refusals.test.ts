import { describe, expect, it } from 'vitest';
import { refusal, render } from './support/chart';

const IMAGE = { repository: 'registry.example/app', tag: '1' };
const GOOD = {
  image: IMAGE,
  session: { existingSecret: 'app-session' },
  redis: { existingSecret: 'app-redis' },
  replicaCount: 2,
  origins: ['https://app.example.com'],
};
const HOSTS = [{ host: 'app.example.com', paths: [{ path: '/', pathType: 'Prefix' }] }];
const INGRESS = { ingress: { enabled: true, hosts: HOSTS } };
const GATEWAY = { gateway: { enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['app.example.com'] } };

it('what is right is rendered', () => {
  expect(render(GOOD).length).toBeGreaterThan(5);
});

describe('what can not work is refused, with what to change', () => {
  const cases: [string, object, RegExp[]][] = [
    [
      'no image',
      { ...GOOD, image: {} },
      [/image\.repository is empty/, /make image/, /examples\/live-counter\/values/],
    ],
    ['no session secret', { ...GOOD, session: {} }, [/session\.existingSecret is empty/, /session\.generate/]],
    [
      'two session secrets',
      { ...GOOD, session: { existingSecret: 'a', generate: true } },
      [/session\.generate to false/],
    ],
    ['no origins', { ...GOOD, origins: [] }, [/origins is empty/, /ingress\.hosts/]],
    [
      'a pattern as host',
      { ...GOOD, origins: [], ingress: { enabled: true, hosts: [{ ...HOSTS[0], host: '*.example.com' }] } },
      [/"http:\/\/\*\.example\.com" is no origin/, /Set origins/],
    ],
    [
      'two pods without Redis',
      { ...GOOD, redis: {} },
      [/replicaCount is 2 and there is no Redis/, /redis\.existingSecret/],
    ],
    [
      'an autoscaler without Redis',
      { ...GOOD, redis: {}, replicaCount: 1, autoscaling: { enabled: true } },
      [/autoscaling\.maxReplicas is 10 and there is no Redis/],
    ],
    [
      'two Redis',
      { ...GOOD, redis: { existingSecret: 'a', embedded: { enabled: true } } },
      [/More than one of redis\.url/],
    ],
    [
      'certificates for plain Redis',
      { ...GOOD, redis: { url: 'redis://a:6379', tls: { existingSecret: 'a' } } },
      [/redis\.url does not speak TLS/, /rediss:\/\//],
    ],
    [
      'C23: polling without a way to its pod',
      { ...GOOD, peer: { enabled: false } },
      [/Polling can't work/, /peer\.enabled to true/, /stickiness\.mode/, /sockets\.transports to \[websocket\]/],
    ],
    [
      'a hash without pod routing',
      { ...GOOD, peer: { enabled: false }, stickiness: { mode: 'istio' } },
      [/"istio" hashes/, /peer\.enabled to true/],
    ],
    [
      'C26: a grace shorter than the drain',
      { ...GOOD, terminationGracePeriodSeconds: 30 },
      [/terminationGracePeriodSeconds is 30, but a stop may take 40 s/, /or lower drain/],
    ],
    [
      'C25: a proxy time-out shorter than the pings',
      { ...GOOD, ...INGRESS, stickiness: { mode: 'nginx', idleTimeoutSeconds: 45 } },
      [/stickiness\.idleTimeoutSeconds is 45, but a healthy socket may be silent for 45 s/],
    ],
    [
      'C27: an unknown mode',
      { ...GOOD, stickiness: { mode: 'ngnix' } },
      [/stickiness\.mode "ngnix" is unknown/, /traefik, haproxytech/],
    ],
    ...['traefik', 'haproxytech', 'haproxy-ingress', 'nginx', 'alb'].map((mode): [string, object, RegExp[]] => [
      `mode ${mode} without an Ingress`,
      { ...GOOD, stickiness: { mode } },
      [/ingress\.enabled is false/],
    ]),
    [
      'Contour with an Ingress',
      { ...GOOD, ...INGRESS, stickiness: { mode: 'contour', contour: { fqdn: 'a.example' } } },
      [/in place of the Ingress: set ingress\.enabled to false/],
    ],
    ['Contour without a host', { ...GOOD, stickiness: { mode: 'contour' } }, [/set stickiness\.contour\.fqdn/]],
    [
      'Envoy Gateway without a route',
      { ...GOOD, stickiness: { mode: 'envoy-gateway' } },
      [/set gateway\.enabled to true/],
    ],
    ['GKE without either', { ...GOOD, stickiness: { mode: 'gke' } }, [/needs ingress\.enabled .* or gateway\.enabled/]],
    ['GKE with both', { ...GOOD, ...INGRESS, ...GATEWAY, stickiness: { mode: 'gke' } }, [/are both true/]],
    [
      'mode gateway without its block',
      { ...GOOD, ...GATEWAY, stickiness: { mode: 'gateway' } },
      [/needs stickiness\.sessionPersistence/],
    ],
    [
      'a cross-site cookie without TLS',
      { ...GOOD, ...INGRESS, stickiness: { mode: 'nginx', cookie: { crossSite: true } } },
      [/crossSite is true and the app is not reached by TLS/],
    ],
    [
      'an autoscaler on a metric that is off',
      { ...GOOD, autoscaling: { enabled: true, sockets: { target: 2000 } } },
      [/nothing scrapes flotilla_sockets/, /metrics\.podMonitor\.enabled/],
    ],
    [
      'an autoscaler on a share of no request',
      { ...GOOD, autoscaling: { enabled: true }, resources: { limits: { memory: '1Gi' } } },
      [/targetCPUUtilizationPercentage is a share of resources\.requests\.cpu/],
    ],
    [
      'an autoscaler on memory without a request',
      {
        ...GOOD,
        autoscaling: { enabled: true, targetMemoryUtilizationPercentage: 80 },
        resources: { requests: { cpu: '1' } },
      },
      [/targetMemoryUtilizationPercentage is a share of resources\.requests\.memory/],
    ],
    [
      'an autoscaler on nothing',
      { ...GOOD, autoscaling: { enabled: true, targetCPUUtilizationPercentage: null } },
      [/there is nothing to scale by/],
    ],
    [
      'an autoscaler with its bounds crossed',
      { ...GOOD, autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 3 } },
      [/minReplicas is 5, more than autoscaling\.maxReplicas, 3/],
    ],
    [
      'two autoscalers',
      { ...GOOD, autoscaling: { enabled: true, external: true } },
      [/two would scale one Deployment/],
    ],
    [
      'two monitors',
      { ...GOOD, metrics: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } },
      [/scraped twice/],
    ],
    ['k6 without an image', { ...GOOD, loadtest: { enabled: true, engine: 'k6' } }, [/loadtest\.k6\.image is empty/]],
    ['an Ingress without hosts', { ...GOOD, ingress: { enabled: true } }, [/ingress\.hosts is empty/]],
    [
      'C27: an Ingress that does not reach the sockets',
      {
        ...GOOD,
        ingress: { enabled: true, hosts: [{ host: 'a.example', paths: [{ path: '/api', pathType: 'Prefix' }] }] },
      },
      [/No path of ingress host "a\.example" covers sockets\.path "\/socket\.io"/],
    ],
    ['a Gateway without a parent', { ...GOOD, gateway: { enabled: true } }, [/gateway\.parentRefs is empty/]],
    ['two servers on one port', { ...GOOD, ops: { port: 1337 } }, [/containerPort 1337, ops\.port 1337/]],
  ];

  it.each(cases)('%s', (_name, values, messages) => {
    const said = refusal(values);
    for (const message of messages) expect(said).toMatch(message);
  });
});

describe('what merely looks wrong is rendered', () => {
  it.each([
    [
      'websockets alone need neither affinity nor pod routing',
      { peer: { enabled: false }, sockets: { transports: ['websocket'] } },
    ],
    ['a mode that pins needs no pod routing', { ...INGRESS, peer: { enabled: false }, stickiness: { mode: 'nginx' } }],
    ['one pod needs no Redis', { replicaCount: 1, redis: {} }],
    [
      'outside of production neither secret nor origins are asked for',
      { nodeEnv: 'development', session: {}, origins: [] },
    ],
    ['an app that configures itself brings its own', { sails: { configure: false }, session: {}, origins: [] }],
    [
      'a path of the sockets alone',
      {
        ingress: { enabled: true, hosts: [{ host: 'a.example', paths: [{ path: '/socket.io', pathType: 'Prefix' }] }] },
      },
    ],
  ])('%s', (_name, values) => {
    expect(refusal({ ...GOOD, ...values })).toBe('');
  });
});
