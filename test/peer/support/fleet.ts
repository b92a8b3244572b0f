import { parseOwner } from '../../../dist/bus/ids';
import { type PodStart, type RunningPod, startPod } from '../../launcher/support/pod';
import { openSession, type PollingSession } from '../../launcher/support/sessions';
import { RedisServer } from '../../support/redis-server';

/** Pods on one Redis that reach each other on 127.0.0.1. */
export class TestFleet {
  readonly pods: RunningPod[] = [];

  private constructor(readonly redis: RedisServer) {}

  static async start(names: string[], more: PodStart = {}): Promise<TestFleet> {
    const fleet = new TestFleet(await RedisServer.start());
    await Promise.all(names.map((name) => fleet.add(name, more)));
    for (const pod of fleet.pods) await pod.logged(/joined the fleet/, names.length - 1);
    return fleet;
  }

  /** Starts another pod. */
  async add(name: string, more: PodStart = {}): Promise<RunningPod> {
    const pod = await startPod({
      ...more,
      env: {
        FLOTILLA_REDIS_URL: this.redis.url,
        FLOTILLA_POD_NAME: name,
        FLOTILLA_POD_IP: '127.0.0.1',
        FLOTILLA_PEER_PORT: '0',
        FLOTILLA_OPS_PORT: '0',
        ...more.env,
      },
    });
    this.pods.push(pod);
    return pod;
  }

  get ports(): number[] {
    return this.pods.map(({ port }) => port);
  }

  async stop(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.stop('SIGINT')));
    await this.redis.stop();
  }
}

/** Where a pod listens for others, as it logged. */
export function peerPortOf(pod: RunningPod): number {
  const line = pod.log().find(({ msg }) => /taking requests of other pods/.test(msg));
  return line?.port as number;
}

/** The tag of a pod in session ids. */
export function podTagOf(session: PollingSession): string {
  return parseOwner(session.id)?.pod ?? '';
}

export { openSession };
