import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { only, render } from './support/chart';
import { CHART } from './support/tools';

const VALUES = {
  image: { repository: 'registry.example/app', tag: '1' },
  session: { existingSecret: 'app-session' },
  origins: ['https://app.example.com'],
};

describe('as part of another chart', () => {
  const chart = mkdtempSync(join(tmpdir(), 'flotilla-parent-'));

  beforeAll(() => {
    mkdirSync(join(chart, 'charts'));
    cpSync(CHART, join(chart, 'charts/flotilla'), { recursive: true });
    writeFileSync(
      join(chart, 'Chart.yaml'),
      [
        'apiVersion: v2',
        'name: shop',
        'version: 1.0.0',
        'dependencies:',
        '  - { name: flotilla, version: 0.1.0, condition: flotilla.enabled }',
      ].join('\n'),
    );
  });
  afterAll(() => rmSync(chart, { recursive: true, force: true }));

  it('takes its values under its name, the global ones and a condition', () => {
    const manifests = render(
      { flotilla: { enabled: true, ...VALUES }, global: { imagePullSecrets: ['shared'], storageClass: 'fast' } },
      { chart },
    );
    const { template } = only(manifests, 'Deployment').spec as { template: { spec: { imagePullSecrets: unknown } } };
    expect(template.spec.imagePullSecrets).toEqual([{ name: 'shared' }]);
  });

  it('is gone where the condition says so', () => {
    expect(render({ flotilla: { enabled: false, ...VALUES } }, { chart })).toEqual([]);
  });
});
