/** Where a controller's own documentation, or its API, has a name: a repository on GitHub and a path in it, or an address. */
interface Source {
  source: string;
  names: string[];
}

/** What a mode of `stickiness` writes for whom. A name with a typo would pass every API server. */
export interface ControllerNames {
  /** How users stay: `pins` each to a pod, or `hashes` them, which moves some when pods come or go. */
  affinity: 'none' | 'pins' | 'hashes';
  /** Annotations, by the kind of object that carries them. */
  annotations?: Partial<Record<'Service' | 'Ingress', Source[]>>;
  /** Kinds of objects, each with its version and the fields of its spec. */
  objects?: Record<string, Source>;
}

const GATEWAY_API = 'kubernetes-sigs/gateway-api config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml';
const ALB = 'kubernetes-sigs/aws-load-balancer-controller docs/guide/ingress/annotations.md';
const GKE_POLICIES = 'GoogleCloudPlatform/gke-gateway-api apis/networking/v1';

export const CONTROLLER_NAMES: Record<string, ControllerNames> = {
  none: { affinity: 'none' },
  service: { affinity: 'pins' },
  traefik: {
    affinity: 'pins',
    annotations: {
      Service: [
        {
          source: 'traefik/traefik docs/content/reference/routing-configuration/kubernetes/ingress.md',
          names: [
            'traefik.ingress.kubernetes.io/service.sticky.cookie',
            'traefik.ingress.kubernetes.io/service.sticky.cookie.name',
            'traefik.ingress.kubernetes.io/service.sticky.cookie.httponly',
            'traefik.ingress.kubernetes.io/service.sticky.cookie.path',
            'traefik.ingress.kubernetes.io/service.sticky.cookie.secure',
            'traefik.ingress.kubernetes.io/service.sticky.cookie.samesite',
            'traefik.ingress.kubernetes.io/service.sticky.cookie.maxage',
          ],
        },
      ],
    },
  },
  haproxytech: {
    affinity: 'pins',
    annotations: {
      Service: [
        {
          source: 'haproxytech/kubernetes-ingress documentation/annotations.md',
          names: ['haproxy.org/cookie-persistence', 'haproxy.org/timeout-server'],
        },
      ],
    },
  },
  'haproxy-ingress': {
    affinity: 'pins',
    annotations: {
      Ingress: [
        {
          source: 'jcmoraisjr/haproxy-ingress docs/content/en/docs/configuration/keys.md',
          names: [
            'haproxy-ingress.github.io/affinity',
            'haproxy-ingress.github.io/session-cookie-name',
            'haproxy-ingress.github.io/session-cookie-strategy',
            'haproxy-ingress.github.io/session-cookie-keywords',
            'haproxy-ingress.github.io/session-cookie-same-site',
            'haproxy-ingress.github.io/timeout-server',
            'haproxy-ingress.github.io/timeout-tunnel',
          ],
        },
      ],
    },
  },
  nginx: {
    affinity: 'pins',
    annotations: {
      Ingress: [
        {
          source: 'kubernetes/ingress-nginx docs/user-guide/nginx-configuration/annotations.md',
          names: [
            'nginx.ingress.kubernetes.io/affinity',
            'nginx.ingress.kubernetes.io/affinity-mode',
            'nginx.ingress.kubernetes.io/session-cookie-name',
            'nginx.ingress.kubernetes.io/session-cookie-path',
            'nginx.ingress.kubernetes.io/session-cookie-secure',
            'nginx.ingress.kubernetes.io/session-cookie-samesite',
            'nginx.ingress.kubernetes.io/session-cookie-max-age',
            'nginx.ingress.kubernetes.io/session-cookie-change-on-failure',
            'nginx.ingress.kubernetes.io/proxy-read-timeout',
            'nginx.ingress.kubernetes.io/proxy-send-timeout',
          ],
        },
      ],
    },
  },
  contour: {
    affinity: 'hashes',
    objects: {
      'projectcontour.io/v1 HTTPProxy': {
        source: 'projectcontour/contour apis/projectcontour/v1/httpproxy.go',
        names: [
          'ingressClassName',
          'virtualhost.fqdn',
          'virtualhost.tls.secretName',
          'routes.conditions.prefix',
          'routes.enableWebsockets',
          'routes.loadBalancerPolicy.strategy',
          'routes.timeoutPolicy.response',
          'routes.timeoutPolicy.idle',
          'routes.services.name',
          'routes.services.port',
        ],
      },
    },
  },
  istio: {
    affinity: 'hashes',
    objects: {
      'networking.istio.io/v1 DestinationRule': {
        source: 'istio/api networking/v1alpha3/destination_rule.proto',
        names: [
          'host',
          'trafficPolicy.connectionPool.tcp.idleTimeout',
          'trafficPolicy.connectionPool.http.idleTimeout',
          'trafficPolicy.loadBalancer.consistentHash.httpCookie.name',
          'trafficPolicy.loadBalancer.consistentHash.httpCookie.path',
          'trafficPolicy.loadBalancer.consistentHash.httpCookie.ttl',
          'trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes.name',
          'trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes.value',
        ],
      },
    },
  },
  alb: {
    affinity: 'pins',
    annotations: {
      Ingress: [
        {
          source: ALB,
          names: [
            'alb.ingress.kubernetes.io/target-type',
            'alb.ingress.kubernetes.io/target-group-attributes',
            'alb.ingress.kubernetes.io/load-balancer-attributes',
            'alb.ingress.kubernetes.io/healthcheck-protocol',
            'alb.ingress.kubernetes.io/healthcheck-port',
            'alb.ingress.kubernetes.io/healthcheck-path',
            'alb.ingress.kubernetes.io/healthcheck-interval-seconds',
            'alb.ingress.kubernetes.io/healthcheck-timeout-seconds',
            'alb.ingress.kubernetes.io/success-codes',
          ],
        },
      ],
    },
  },
  gke: {
    affinity: 'hashes',
    annotations: {
      Service: [
        { source: 'kubernetes/ingress-gce pkg/annotations/service.go', names: ['cloud.google.com/backend-config'] },
        { source: 'kubernetes/ingress-gce pkg/negannotation/negannotation.go', names: ['cloud.google.com/neg'] },
      ],
    },
    objects: {
      'cloud.google.com/v1 BackendConfig': {
        source: 'kubernetes/ingress-gce pkg/apis/backendconfig/v1/types.go',
        names: [
          'timeoutSec',
          'connectionDraining.drainingTimeoutSec',
          'sessionAffinity.affinityType',
          'sessionAffinity.affinityCookieTtlSec',
          'healthCheck.type',
          'healthCheck.port',
          'healthCheck.requestPath',
          'healthCheck.checkIntervalSec',
          'healthCheck.timeoutSec',
          'healthCheck.healthyThreshold',
          'healthCheck.unhealthyThreshold',
        ],
      },
      'networking.gke.io/v1 GCPBackendPolicy': {
        source: `${GKE_POLICIES}/gcpbackendpolicy_types.go`,
        names: [
          'default.timeoutSec',
          'default.connectionDraining.drainingTimeoutSec',
          'default.sessionAffinity.type',
          'default.sessionAffinity.cookieTtlSec',
          'targetRef.group',
          'targetRef.kind',
          'targetRef.name',
        ],
      },
      'networking.gke.io/v1 HealthCheckPolicy': {
        source: `${GKE_POLICIES}/healthcheck_types.go`,
        names: [
          'default.checkIntervalSec',
          'default.timeoutSec',
          'default.healthyThreshold',
          'default.unhealthyThreshold',
          'default.config.type',
          'default.config.httpHealthCheck.portSpecification',
          'default.config.httpHealthCheck.port',
          'default.config.httpHealthCheck.requestPath',
          'targetRef.group',
          'targetRef.kind',
          'targetRef.name',
        ],
      },
    },
  },
  'envoy-gateway': {
    affinity: 'hashes',
    objects: {
      'gateway.envoyproxy.io/v1alpha1 BackendTrafficPolicy': {
        source:
          'envoyproxy/gateway charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_backendtrafficpolicies.yaml',
        names: [
          'targetRefs.group',
          'targetRefs.kind',
          'targetRefs.name',
          'loadBalancer.type',
          'loadBalancer.consistentHash.type',
          'loadBalancer.consistentHash.cookie.name',
          'loadBalancer.consistentHash.cookie.ttl',
          'loadBalancer.consistentHash.cookie.attributes.HttpOnly',
          'loadBalancer.consistentHash.cookie.attributes.Secure',
          'loadBalancer.consistentHash.cookie.attributes.SameSite',
          'timeout.http.requestTimeout',
          'timeout.http.connectionIdleTimeout',
          'timeout.http.streamIdleTimeout',
        ],
      },
    },
  },
  gateway: {
    affinity: 'pins',
    objects: {
      'gateway.networking.k8s.io/v1 HTTPRoute': { source: GATEWAY_API, names: ['rules.sessionPersistence'] },
    },
  },
};

/** Attributes inside of two of ALB's annotations, which its controller passes on to AWS. */
export const ALB_ATTRIBUTES = {
  source: ALB,
  'alb.ingress.kubernetes.io/target-group-attributes': [
    'stickiness.enabled',
    'stickiness.type',
    'stickiness.lb_cookie.duration_seconds',
    'deregistration_delay.timeout_seconds',
  ],
  'alb.ingress.kubernetes.io/load-balancer-attributes': ['idle_timeout.timeout_seconds'],
} as const;
