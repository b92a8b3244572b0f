import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import type { LaunchEnvironment } from '../messages';
import type { PrimaryLink } from './primary-link';

/** Young objects have room of their own, beside what `--max-old-space-size` limits. */
const YOUNG = new Set(['new_space', 'new_large_object_space']);
const MIB = 1024 * 1024;

/** Tells the primary regularly that this worker's event loop turns, how full its heap is, and how many sockets it has. */
export function startBeating(launch: LaunchEnvironment, link: PrimaryLink, countSockets: () => number): void {
  const { beatEveryMs, maxOldSpaceMb } = launch;
  const limit = maxOldSpaceMb === undefined ? getHeapStatistics().heap_size_limit : maxOldSpaceMb * MIB;
  const beat = () =>
    void link.send({ flotilla: 'beat', heapPercent: (100 * oldBytes()) / limit, sockets: countSockets() });
  setInterval(beat, beatEveryMs).unref();
  beat();
}

function oldBytes(): number {
  let sum = 0;
  for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
    if (!YOUNG.has(space_name)) sum += space_used_size;
  }
  return sum;
}
