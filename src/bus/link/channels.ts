import { createHash } from 'node:crypto';
import calculateSlot from 'cluster-key-slot';

const SLOTS = 16_384;

/** Names the channels of one release. */
export interface Channels {
  all(): string;
  pod(podTag: string): string;
  room(nsp: string, room: string): string;
  /** Channels on which this pod hears itself, one for each part of the link that can go deaf by itself. */
  probes(podTag: string): string[];
}

/** Channels on one Redis. */
export function plainChannels(prefix: string): Channels {
  return {
    all: () => `${prefix}bus:all`,
    pod: (podTag) => `${prefix}bus:pod:${podTag}`,
    room: (nsp, room) => `${prefix}bus:${roomName(nsp, room)}`,
    probes: (podTag) => [`${prefix}bus:probe:${podTag}`],
  };
}

/**
 * Channels on a Redis Cluster, in a fixed number of partitions. The channels of a partition share a hash tag, and so a
 * node; the tags are chosen so that the partitions are spread evenly over the slots.
 */
export function partitionedChannels(prefix: string, partitions: number): Channels {
  const tags = evenTags(partitions);
  const name = (partition: number, rest: string) => `${prefix}bus:{${tags[partition % partitions]}}:${rest}`;
  return {
    all: () => name(0, 'all'),
    pod: (podTag) => name(hash(podTag), `pod:${podTag}`),
    room: (nsp, room) => name(hash(`${nsp}#${room}`), roomName(nsp, room)),
    probes: (podTag) => tags.map((_, partition) => name(partition, `probe:${podTag}`)),
  };
}

/** One short tag for each of so many equal ranges of slots. */
export function evenTags(partitions: number): string[] {
  const tags = new Array<string | undefined>(partitions).fill(undefined);
  let missing = partitions;
  for (let candidate = 0; missing > 0; candidate++) {
    const tag = candidate.toString(36);
    const partition = Math.floor((calculateSlot(tag) * partitions) / SLOTS);
    if (tags[partition] !== undefined) continue;
    tags[partition] = tag;
    missing -= 1;
  }
  return tags as string[];
}

/** Callers in JavaScript may use numbers; the room 1 is not the room "1", as in a set of room names. */
function roomName(nsp: string, room: string): string {
  return `${typeof room === 'number' ? 'number' : 'room'}:${nsp}#${room}`;
}

function hash(text: string): number {
  return createHash('sha1').update(text).digest().readUInt32LE(0);
}
