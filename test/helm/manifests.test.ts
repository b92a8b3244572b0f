import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, run } from './support/tools';

describe('k8s/', () => {
  it('is what the chart renders', () => {
    expect(run(process.execPath, ['scripts/kustomize-manifests.mjs', '--check'])).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
  });

  it.each(['base', 'overlays/dev', 'overlays/production'])(
    '%s names its files, all of them, and Kubernetes knows their fields',
    (folder) => {
      const path = join(ROOT, 'k8s', folder);
      const kustomization = readFileSync(join(path, 'kustomization.yaml'), 'utf8');
      const files = readdirSync(path).filter((file) => file !== 'kustomization.yaml');
      for (const file of files) expect(kustomization).toContain(file);
      const manifests = files.filter((file) => file.endsWith('.yaml') && !/^(namespace|database)\.yaml$/.test(file));
      const schemas = join(ROOT, 'test/helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json');
      const { exitCode, stdout } = run('kubeconform', [
        '-strict',
        '-schema-location',
        schemas,
        ...manifests.map((file) => join(path, file)),
      ]);
      expect(stdout).toBe('');
      expect(exitCode).toBe(0);
    },
  );
});
