import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { CHART, type Outcome, run } from './tools';

/** An object of Kubernetes. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [key: string]: unknown;
}

export const CI_VALUES = readdirSync(join(CHART, 'ci')).map((file) => basename(file, '-values.yaml'));

/** What else than the values a chart is rendered with. */
interface Rendering {
  /** A file of `ci/`, without its ending. */
  ci?: string;
  chart?: string;
  namespace?: string;
}

/** `helm template` with a file of `ci/`, values, or both. */
export function template(values: object = {}, { ci, chart = CHART, namespace = 'apps' }: Rendering = {}): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-chart-'));
  try {
    const file = join(folder, 'values.yaml');
    writeFileSync(file, stringify(values));
    const files = [...(ci ? [join(CHART, 'ci', `${ci}-values.yaml`)] : []), file];
    const valueFlags = files.flatMap((path) => ['--values', path]);
    return run('helm', [
      'template',
      'demo',
      chart,
      '--namespace',
      namespace,
      '--kube-version',
      '1.34.0',
      ...valueFlags,
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const rendered = new Map<string, Manifest[]>();

/** The objects of a file of `ci/`, which is rendered once. */
export function renderCi(ci: string): Manifest[] {
  const known = rendered.get(ci) ?? render({}, { ci });
  rendered.set(ci, known);
  return known;
}

/** The objects that the chart renders. */
export function render(values: object = {}, rendering: Rendering = {}): Manifest[] {
  const { exitCode, stdout, stderr } = template(values, rendering);
  if (exitCode !== 0) throw new Error(stderr);
  return parseManifests(stdout);
}

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    const manifest = document.toJS() as Manifest | null;
    return manifest ? [manifest] : [];
  });
}

/** What the chart says of values that can't work. */
export function refusal(values: object, rendering: Rendering = {}): string {
  const { exitCode, stderr } = template(values, rendering);
  return exitCode === 0 ? '' : stderr;
}

/** The one object of a kind. */
export function only(manifests: Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind && (!name || manifest.metadata.name === name));
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} objects of kind ${kind} ${name ?? ''}`);
  return found[0];
}

/** Pods as such and those of Deployments and Jobs. */
export function podSpecs(manifests: Manifest[]): { of: string; spec: PodSpec }[] {
  return manifests.flatMap((manifest) => {
    const spec = manifest.spec as { template?: { spec: PodSpec } } | undefined;
    const of = `${manifest.kind} ${manifest.metadata.name}`;
    if (manifest.kind === 'Pod') return [{ of, spec: spec as unknown as PodSpec }];
    return spec?.template ? [{ of, spec: spec.template.spec }] : [];
  });
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  env?: { name: string; value?: string }[];
  securityContext?: {
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    capabilities?: { drop?: string[] };
  };
}

export interface PodSpec {
  automountServiceAccountToken?: boolean;
  securityContext?: { runAsNonRoot?: boolean; seccompProfile?: { type: string } };
  containers: Container[];
  initContainers?: Container[];
  volumes?: Record<string, unknown>[];
}
