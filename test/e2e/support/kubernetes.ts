import { execFile } from 'node:child_process';
import { until } from './until';

const TIMEOUT_MS = 150_000;

/** What the tests look at of a pod. */
export interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  status: {
    phase: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
}

interface ContainerStatus {
  restartCount: number;
  state: { waiting?: { reason: string } };
  lastState: { terminated?: { message?: string } };
}

/** Runs a program to its end and returns its standard output; rejects with everything it wrote. */
export function run(command: string, args: string[], options: { input?: string } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${command} ${args.join(' ')}: ${error.code ?? error.signal}\n${stdout}${stderr}`));
        else resolve(stdout);
      },
    );
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}

/** One namespace of the cluster that `KUBECONFIG` points to. */
export class Namespace {
  constructor(readonly name: string) {}

  kubectl(...args: string[]): Promise<string> {
    return run('kubectl', ['-n', this.name, ...args]);
  }

  helm(...args: string[]): Promise<string> {
    return run('helm', ['-n', this.name, ...args]);
  }

  apply(yaml: string): Promise<string> {
    return run('kubectl', ['-n', this.name, 'apply', '-f', '-'], { input: yaml });
  }

  /** Makes it anew: what an aborted run left of it is deleted first. */
  async create(): Promise<void> {
    await this.delete();
    await run('kubectl', ['create', 'namespace', this.name]);
    // as strict as the chart promises to be
    await run('kubectl', ['label', 'namespace', this.name, 'pod-security.kubernetes.io/enforce=restricted']);
  }

  async delete(): Promise<void> {
    await run('kubectl', ['delete', 'namespace', this.name, '--ignore-not-found', '--wait', '--timeout=120s']);
  }

  async pods(selector: string): Promise<Pod[]> {
    const { items } = JSON.parse(await this.kubectl('get', 'pods', '-l', selector, '-o', 'json')) as { items: Pod[] };
    return items;
  }

  /** Sum over all pods and workers of a metric, or of those of its series that have that label. */
  async metric(selector: string, name: string, label = ''): Promise<number> {
    const pods = await this.pods(selector);
    const pages = await Promise.all(
      pods.map(({ metadata }) =>
        this.kubectl('get', '--raw', `/api/v1/namespaces/${this.name}/pods/${metadata.name}:9090/proxy/metrics`),
      ),
    );
    const lines = pages.flatMap((page) => page.split('\n'));
    const values = lines.filter(
      (line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label),
    );
    return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Settles when exactly `count` pods are there, all ready, and none is on its way out. */
  settled(selector: string, count: number, deadlineMs = 120_000): Promise<Pod[]> {
    return until(`${count} ready pods and no others of ${selector}`, deadlineMs, async () => {
      const pods = await this.pods(selector);
      return pods.length === count && pods.every((pod) => isReady(pod) && !pod.metadata.deletionTimestamp) && pods;
    });
  }
}

export function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Why containers of the pod wait, such as `ErrImageNeverPull`. */
export function waitingReasons({ status }: Pod): string[] {
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return containers.flatMap(({ state }) => state.waiting?.reason ?? []);
}
