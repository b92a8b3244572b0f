import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CI_VALUES, type Manifest, only, refusal, render, renderCi } from './support/chart';
import { ALB_ATTRIBUTES, CONTROLLER_NAMES } from './support/controller-names';
import { ROOT } from './support/tools';

const MODES = Object.keys(CONTROLLER_NAMES);
const REFERENCES = Object.values(CONTROLLER_NAMES).flatMap(({ annotations = {}, objects = {} }) => [
  ...Object.values(annotations).flat(),
  ...Object.values(objects),
]);

/** The files of `ci/` for a mode. */
function ciOf(mode: string): string[] {
  const variants = mode === 'gke' ? ['-ingress', '-gateway'] : ['', '-cross-site'];
  return variants.map((variant) => `mode-${mode}${variant}`).filter((name) => CI_VALUES.includes(name));
}

function annotationsOf(manifests: Manifest[], kind: string, name?: string): string[] {
  const found = manifests.filter((manifest) => manifest.kind === kind && (!name || manifest.metadata.name === name));
  return found.flatMap(({ metadata }) => Object.keys(metadata.annotations ?? {}));
}

/** The paths of all leaves, without the numbers of lists. */
function leaves(value: unknown, path: string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return [path.join('.')];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, Array.isArray(value) ? path : [...path, key]));
}

describe.each(MODES)('mode %s', (mode) => {
  const { annotations = {}, objects = {} } = CONTROLLER_NAMES[mode] ?? {};
  const renderings = ciOf(mode).map((ci) => renderCi(ci));

  it('has values in ci/', () => {
    expect(renderings.length).toBeGreaterThan(0);
  });

  it.each(['Service', 'Ingress'] as const)(
    'C27: writes the annotations of its list on its %s, all of them and no other',
    (kind) => {
      const wanted = (annotations[kind] ?? []).flatMap(({ names }) => names).sort();
      const written = renderings.flatMap((manifests) => annotationsOf(manifests, kind));
      expect([...new Set(written)].sort()).toEqual(wanted);
    },
  );

  it("makes the objects of its list, with fields that have a source, and nobody else's", () => {
    const foreign = renderings
      .flat()
      .filter(({ apiVersion }) => /projectcontour|istio|google|gke|envoyproxy/.test(apiVersion));
    const own = Object.keys(objects).filter((name) => !name.endsWith('HTTPRoute'));
    expect([...new Set(foreign.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`))].sort()).toEqual(own.sort());
    for (const { apiVersion, kind, spec } of foreign) {
      expect(objects[`${apiVersion} ${kind}`]?.names).toEqual(expect.arrayContaining(leaves(spec)));
    }
    const persistence = renderings
      .flat()
      .some((manifest) => JSON.stringify(manifest.spec ?? {}).includes('sessionPersistence"'));
    expect(persistence).toBe(mode === 'gateway');
  });

  it('C27: uses no snippet of configuration', () => {
    for (const manifests of renderings) expect(JSON.stringify(manifests)).not.toMatch(/snippet/);
  });

  it('C23: has its affinity on the way that carries the path of the sockets', () => {
    for (const manifests of renderings) {
      for (const { spec } of manifests.filter(({ kind }) => kind === 'Ingress')) {
        expect(JSON.stringify(spec)).toContain('"path":"/"');
      }
    }
  });
});

describe('ALB', () => {
  it.each(['target-group-attributes', 'load-balancer-attributes'])('%s are those of the list', (name) => {
    const key = `alb.ingress.kubernetes.io/${name}` as keyof typeof ALB_ATTRIBUTES;
    const { annotations = {} } = only(renderCi('mode-alb'), 'Ingress').metadata;
    const names = annotations[key]?.split(',').map((pair) => pair.split('=')[0]);
    expect(names).toEqual(ALB_ATTRIBUTES[key]);
  });

  it('checks the health of the ops port', () => {
    expect(only(renderCi('mode-alb'), 'Ingress').metadata.annotations).toMatchObject({
      'alb.ingress.kubernetes.io/target-type': 'ip',
      'alb.ingress.kubernetes.io/healthcheck-port': '9090',
      'alb.ingress.kubernetes.io/healthcheck-path': '/readyz',
    });
  });
});

describe('C23: the affinity cookie', () => {
  const ingress = (ci: string) => only(renderCi(ci), 'Ingress').metadata.annotations;
  const service = (ci: string) => only(renderCi(ci), 'Service', 'demo-flotilla').metadata.annotations;

  it('is secure behind TLS, HttpOnly where the controller lets that be said, and for all paths', () => {
    expect(service('mode-traefik')).toMatchObject({
      'traefik.ingress.kubernetes.io/service.sticky.cookie': 'true',
      'traefik.ingress.kubernetes.io/service.sticky.cookie.secure': 'true',
      'traefik.ingress.kubernetes.io/service.sticky.cookie.httponly': 'true',
      'traefik.ingress.kubernetes.io/service.sticky.cookie.path': '/',
      'traefik.ingress.kubernetes.io/service.sticky.cookie.samesite': 'lax',
    });
    expect(ingress('mode-nginx')).toMatchObject({
      'nginx.ingress.kubernetes.io/affinity-mode': 'persistent',
      'nginx.ingress.kubernetes.io/session-cookie-secure': 'true',
      'nginx.ingress.kubernetes.io/session-cookie-samesite': 'Lax',
    });
    expect(ingress('mode-haproxy-ingress')).toMatchObject({
      'haproxy-ingress.github.io/session-cookie-keywords': 'indirect nocache httponly secure',
    });
  });

  it('travels from other sites where that is wanted', () => {
    expect(service('mode-traefik-cross-site')).toMatchObject({
      'traefik.ingress.kubernetes.io/service.sticky.cookie.samesite': 'none',
      'traefik.ingress.kubernetes.io/service.sticky.cookie.secure': 'true',
      'traefik.ingress.kubernetes.io/service.sticky.cookie.maxage': '3600',
    });
    expect(ingress('mode-nginx-cross-site')).toMatchObject({
      'nginx.ingress.kubernetes.io/session-cookie-samesite': 'None',
      'nginx.ingress.kubernetes.io/session-cookie-secure': 'true',
    });
  });

  it('is not secure without TLS, or it would never come back', () => {
    const { annotations } = only(
      render({ ingress: { tls: [] } }, { ci: 'mode-traefik' }),
      'Service',
      'demo-flotilla',
    ).metadata;
    expect(annotations).toMatchObject({ 'traefik.ingress.kubernetes.io/service.sticky.cookie.secure': 'false' });
  });
});

describe('C25: silence', () => {
  /** Every time-out for silence, in seconds, that values make proxies have. */
  function idleTimeouts(ci: string, sockets: object): number[] {
    const text = JSON.stringify(render({ sockets }, { ci }));
    const patterns = [
      /"nginx\.ingress\.kubernetes\.io\/proxy-(?:read|send)-timeout":"(\d+)"/g,
      /"haproxy-ingress\.github\.io\/timeout-(?:tunnel|server)":"(\d+)s"/g,
      /"haproxy\.org\/timeout-server":"(\d+)s"/g,
      /idle_timeout\.timeout_seconds=(\d+)/g,
      /"(?:idle|idleTimeout|streamIdleTimeout|connectionIdleTimeout|requestTimeout|response)":"(\d+)s"/g,
    ];
    return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, seconds]) => Number(seconds)));
  }

  it.each([
    ['mode-nginx', 2],
    ['mode-haproxy-ingress', 2],
    ['mode-haproxytech', 1],
    ['mode-alb', 1],
    ['mode-contour', 2],
    ['mode-istio', 2],
    ['mode-envoy-gateway', 3],
  ])('every time-out of %s is longer than a healthy socket may be silent', (ci, count) => {
    for (const [pingIntervalMs, pingTimeoutMs] of [
      [90_000, 30_000],
      [1_800_000, 60_000],
    ]) {
      const sockets = { pingIntervalMs, pingTimeoutMs };
      const timeouts = idleTimeouts(ci, sockets);
      expect(timeouts).toHaveLength(count);
      const silent = ((pingIntervalMs ?? 0) + (pingTimeoutMs ?? 0)) / 1000;
      for (const timeout of timeouts) expect(timeout).toBeGreaterThan(silent);
    }
  });

  it('a time-out of yours that is shorter is refused', () => {
    const values = { sockets: { pingIntervalMs: 90_000 }, stickiness: { idleTimeoutSeconds: 60 } };
    expect(refusal(values, { ci: 'mode-nginx' })).toMatch(
      /idleTimeoutSeconds is 60, but a healthy socket may be silent for 110 s/,
    );
  });
});

describe('docs/kubernetes.md', () => {
  const page = readFileSync(join(ROOT, 'docs/kubernetes.md'), 'utf8');

  it.each(MODES)('has a row for mode %s that says whether it pins or hashes', (mode) => {
    const [row = ''] = new RegExp(`^\\| \`${mode}\` .*$`, 'm').exec(page) ?? [];
    expect(row).toContain(`| ${CONTROLLER_NAMES[mode]?.affinity} |`);
  });

  it('names every source', () => {
    for (const { source } of REFERENCES) {
      const [repository = '', path = ''] = source.split(' ');
      expect(page).toContain(`https://github.com/${repository}/blob/`);
      expect(page).toContain(path);
    }
  });
});
