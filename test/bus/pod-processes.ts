import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from '../support/redis-process';
import { forkServer, stopProcess, type TestServer } from './topology';

/** A pod that is one process: hub, link and server together. */
export function forkPod(podName: string, redis: string, env: NodeJS.ProcessEnv = {}): Promise<TestServer> {
  return forkServer({ FLOTILLA_POD_NAME: podName, FLOTILLA_WORKER: '1', TEST_REDIS: redis, ...env });
}

/** The pods of one fleet, which know each other. */
export async function forkPods(names: string[], redis: string, env: NodeJS.ProcessEnv = {}): Promise<TestServer[]> {
  const pods = await Promise.all(names.map((name) => forkPod(name, redis, env)));
  await untilAcquainted(pods);
  return pods;
}

/** Waits until every pod is up and counts every other one. */
export async function untilAcquainted(pods: TestServer[]): Promise<void> {
  for (const pod of pods) {
    await untilUp(pod);
    await until(
      async () => (await pod.run('serverCount')) === pods.length,
      `${pod.name} counts ${pods.length} servers`,
    );
  }
}

/** Waits until a pod's link is up, after at least so many reconnects. */
export function untilUp(pod: TestServer, reconnects = 0): Promise<void> {
  return until(
    async () => {
      const status = await pod.run('linkStatus');
      return status.state === 'up' && status.reconnects >= reconnects;
    },
    `the link of ${pod.name} is up`,
    30_000,
  );
}

/** The pods that a server sees, by name. */
export async function podNames(server: TestServer): Promise<string[]> {
  const { pods } = await server.run('table');
  return pods.map(({ name }: { name: string }) => name).sort();
}

export async function stopAll(pods: TestServer[]): Promise<void> {
  await Promise.all(pods.map(stopProcess));
}

/** A primary in a process of its own, with a hub that listens at this path. */
export async function forkHub(env: {
  TEST_HUB: string;
  TEST_POD_TAG: string;
  TEST_REDIS: string;
  TEST_LINK?: string;
  FLOTILLA_POD_NAME: string;
}): Promise<ChildProcess> {
  const child = fork(join(__dirname, 'hub-process.cjs'), { env: { ...process.env, ...env } });
  await once(child, 'message');
  return child;
}

export async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
