import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';

const ROOT = join(__dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');

/** The content of a YAML file that has no errors, warnings or keys given twice. */
function load<T>(...path: string[]): T {
  const document = parseDocument(read(...path), { merge: true, uniqueKeys: true });
  expect([...document.errors, ...document.warnings]).toEqual([]);
  return document.toJS() as T;
}

interface Workflow {
  name: string;
  permissions: Record<string, string>;
  jobs: Record<string, { 'timeout-minutes': number; steps: { run?: string; uses?: string }[] }>;
}

describe('the workflows', () => {
  const targets = [...read('Makefile').matchAll(/^([a-z][a-z0-9-]*):/gm)].map(([, target]) => target);

  for (const file of readdirSync(join(ROOT, '.github', 'workflows'))) {
    it(`${file} parses, asks for no more rights than it needs, and calls targets that exist`, () => {
      const { jobs, permissions } = load<Workflow>('.github', 'workflows', file);
      expect(permissions.contents).toBe('read');
      for (const job of Object.values(jobs)) {
        expect(job['timeout-minutes']).toBeLessThanOrEqual(90);
        for (const step of job.steps) {
          expect(step.run === undefined).not.toBe(step.uses === undefined);
          if (step.uses) expect(step.uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
          for (const [, target] of (step.run ?? '').matchAll(/(?:^|[;&]\s*)make ([a-z0-9-]+)/gm)) {
            expect(targets).toContain(target);
          }
        }
      }
    });
  }
});

describe('compose.yaml', () => {
  interface Service {
    image: string;
    environment?: Record<string, string>;
    depends_on?: Record<string, unknown>;
    healthcheck?: { test: string[] };
    networks?: Record<string, { ipv4_address: string }>;
    stop_grace_period?: string;
  }
  const { services } = load<{ services: Record<string, Service> }>('compose.yaml');

  it('C27: takes no image that has gone, and depends on services that it has', () => {
    for (const { image, depends_on = {} } of Object.values(services)) {
      expect(image).not.toMatch(/bitnami/);
      for (const other of Object.keys(depends_on)) expect(services[other]?.healthcheck?.test.length).toBeGreaterThan(1);
    }
  });

  it('C26: gives each pod the address that it tells the others, and longer than the launcher takes to stop', () => {
    for (const name of ['app-a', 'app-b']) {
      const { environment, networks, stop_grace_period } = services[name] as Service;
      expect(environment?.FLOTILLA_POD_IP).toBe(networks?.default?.ipv4_address);
      expect(environment?.FLOTILLA_POD_NAME).toBe(name);
      expect(Number.parseInt(stop_grace_period ?? '', 10)).toBeGreaterThan(10);
    }
  });
});

describe('the Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');

  it('runs as a number, and starts the launcher without a shell', () => {
    expect(lines.filter((line) => line.startsWith('USER '))).toEqual(['USER 1000:1000']);
    expect(lines.filter((line) => /^(ENTRYPOINT|CMD) /.test(line)).every((line) => /^\w+ \[".*"\]$/.test(line))).toBe(
      true,
    );
  });

  it('ends with the same lines as the one in docs/image.md', () => {
    const page = read('docs', 'image.md');
    for (const line of lines.slice(lines.findIndex((line) => line.startsWith('USER ')))) {
      if (line && !line.startsWith('#')) expect(page).toContain(line);
    }
  });
});
