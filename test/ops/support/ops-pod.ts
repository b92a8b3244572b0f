import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PodStatus } from '../../../dist/launcher/ops/pod-status';
import { type PodStart, type RunningPod, startPod } from '../../launcher/support/pod';

/** A pod with an ops server, whose records are in a folder of its own. */
export interface OpsPod extends RunningPod {
  /** Of the ops server. */
  readonly ops: string;
  readonly token: string;
  /** `TMPDIR` of the pod, and of commands that are to find it. */
  readonly temporary: string;
  status(): Promise<PodStatus>;
  /** The value of a series, as its line begins. */
  metric(series: string): Promise<number | undefined>;
}

export async function startOpsPod(start: PodStart = {}): Promise<OpsPod> {
  const temporary = mkdtempSync(join(tmpdir(), 'fo-'));
  const pod = await startPod({ ...start, env: { TMPDIR: temporary, FLOTILLA_OPS_TOKEN: undefined, ...start.env } });
  const [listening] = await pod.logged(/ops server on/);
  const ops = `http://127.0.0.1:${listening?.port}`;
  return {
    ...pod,
    ops,
    temporary,
    token: readToken(temporary),
    status: async () => (await fetch(`${ops}/api/status`)).json() as Promise<PodStatus>,
    metric: async (series) => valueIn(await (await fetch(`${ops}/metrics`)).text(), series),
    stop: async (signal) => {
      const ending = await pod.stop(signal);
      rmSync(temporary, { recursive: true, force: true });
      return ending;
    },
  };
}

/** Every series of an exposition, with its value. */
export function seriesOf(exposition: string): Array<[string, number]> {
  return exposition
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    });
}

function valueIn(exposition: string, series: string): number | undefined {
  return seriesOf(exposition).find(([name]) => name === series)?.[1];
}

function readToken(temporary: string): string {
  const folder = readdirSync(temporary).find((name) => name.startsWith('flotilla-pods-'));
  if (!folder) return '';
  const [record = ''] = readdirSync(join(temporary, folder));
  return (JSON.parse(readFileSync(join(temporary, folder, record), 'utf8')) as { token: string }).token;
}

/** Asks again and again until it is so; what it waits for is an event of another process. */
export async function until<T>(ask: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isSo(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
