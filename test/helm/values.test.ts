import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { refusal, render } from './support/chart';
import { CHART, ROOT, run } from './support/tools';

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
}

const defaults = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as Record<string, unknown>;
const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as Schema;

const GOOD = {
  image: { repository: 'registry.example/app', tag: '1' },
  session: { existingSecret: 'app-session' },
  origins: ['https://app.example.com'],
};

describe('values.schema.json', () => {
  it('has the values of values.yaml, and no others but global and enabled', () => {
    const compare = (values: Record<string, unknown>, { properties = {} }: Schema, path: string): string[] => {
      const differing = [
        ...Object.keys(values).filter((key) => !properties[key]),
        ...Object.keys(properties).filter((key) => !(key in values)),
      ].map((key) => `${path}${key}`);
      const inner = Object.entries(values).flatMap(([key, value]) =>
        properties[key]?.properties && typeof value === 'object' && value !== null && !path.startsWith('probes')
          ? compare(value as Record<string, unknown>, properties[key] as Schema, `${path}${key}.`)
          : [],
      );
      return [...differing, ...inner];
    };
    const differing = compare(defaults, schema, '').filter((path) => !/^(probes\.\w+|resources)\./.test(path));
    expect(differing.sort()).toEqual(['enabled', 'global']);
  });

  it('knows the scenarios that there are', () => {
    const files = readdirSync(join(ROOT, 'loadtest/scenarios')).map((file) => basename(file, '.ts'));
    const { scenario } = schema.properties?.loadtest?.properties ?? {};
    expect(scenario).toEqual({ enum: files.sort() });
  });

  it('is closed wherever it lists values', () => {
    const open = ({ properties = {}, additionalProperties }: Schema, path: string): string[] => [
      ...(Object.keys(properties).length > 0 && additionalProperties !== false ? [path] : []),
      ...Object.entries(properties).flatMap(([key, inner]) => open(inner, `${path}.${key}`)),
    ];
    expect(open(schema, 'values')).toEqual([]);
  });

  it.each<[string, object, RegExp]>([
    ['an unknown value', { replicas: 2 }, /replicas/],
    ['an unknown value inside', { redis: { embeded: { enabled: true } } }, /embeded/],
    ['text for a number', { workers: 'two' }, /workers/],
    ['no workers', { workers: 0 }, /workers/],
    ['an impossible port', { ops: { port: 70_000 } }, /port/],
    ['an impossible policy', { image: { pullPolicy: 'Sometimes' } }, /pullPolicy/],
    ['a short digest', { image: { digest: 'sha256:abc' } }, /digest/],
    ['an origin with a path', { origins: ['https://app.example.com/shop'] }, /origins/],
    ['an origin without a scheme', { origins: ['app.example.com'] }, /origins/],
    ['an unknown transport', { sockets: { transports: ['webtransport'] } }, /transports/],
    ['a path of the sockets with a slash at its end', { sockets: { path: '/socket.io/' } }, /path/],
    ['an address of another database', { redis: { url: 'http://redis:6379' } }, /url/],
    ['a path without a type', { ingress: { hosts: [{ host: 'a', paths: [{ path: '/' }] }] } }, /pathType/],
    ['an annotation that is no text', { ingress: { annotations: { a: true } } }, /annotations/],
    ['an unknown scenario', { loadtest: { scenario: 'nope' } }, /scenario/],
    ['an unknown engine', { loadtest: { engine: 'k7' } }, /engine/],
    ['an unknown Redis rule', { ops: { readinessRedis: 'maybe' } }, /readinessRedis/],
    ['an interval without a unit', { metrics: { podMonitor: { interval: '15' } } }, /interval/],
  ])('refuses %s', (_name, values, message) => {
    const said = refusal({ ...GOOD, ...values });
    expect(said).toMatch(/values don't meet the specifications/);
    expect(said).toMatch(message);
  });
});

describe('README.md of the chart', () => {
  const { stdout } = run(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { readValues, withTable } from ${JSON.stringify(join(ROOT, 'scripts/chart-values.mjs'))};
     import { readFileSync } from 'node:fs';
     const readme = readFileSync(${JSON.stringify(join(CHART, 'README.md'))}, 'utf8');
     console.log(JSON.stringify({ values: readValues(), isFresh: withTable(readme) === readme }));`,
  ]);
  const { values, isFresh } = JSON.parse(stdout) as { values: { path: string }[]; isFresh: boolean };

  it('has the table that `make chart-readme` writes', () => {
    expect(isFresh).toBe(true);
  });

  it('describes every value', () => {
    const described = values.map(({ path }) => path);
    const missing = (value: unknown, path: string): string[] => {
      if (described.includes(path)) return [];
      if (typeof value !== 'object' || value === null) return [path];
      return Object.entries(value).flatMap(([key, inner]) => missing(inner, path ? `${path}.${key}` : key));
    };
    expect(missing(defaults, '')).toEqual([]);
  });
});

describe('Chart.yaml', () => {
  const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as {
    appVersion: string;
    version: string;
    annotations: Record<string, string>;
  };
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

  it('is for this version of the package', () => {
    expect(chart.appVersion).toBe(version);
  });

  it('lists the images of its values for Artifact Hub', () => {
    const images = parse(chart.annotations['artifacthub.io/images'] ?? '') as { image: string }[];
    const manifests = render({
      ...GOOD,
      redis: { embedded: { enabled: true } },
      postgresql: { embedded: { enabled: true } },
    });
    const text = JSON.stringify(manifests);
    for (const { image } of images) expect(text).toContain(`"${image}"`);
    expect(images).toHaveLength(2);
  });

  it('has a section on upgrading to this version', () => {
    expect(readFileSync(join(CHART, 'README.md'), 'utf8')).toContain(`### To ${chart.version}`);
  });
});
