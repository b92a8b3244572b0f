import type { RedisSettings } from '../../redis';
import type { BusLog } from '../fleet';
import type { LinkFactory } from '../hub/hub';
import { readSecrets } from '../secrets';
import { PubSubLink } from './pub-sub-link';
import { StreamsLink } from './streams-link';

/**
 * The links there are. `redis`: publish and subscribe. `redis-sharded`: the same on Redis 7 Cluster, spread over its nodes.
 * `redis-streams`: one stream that every pod reads, from which clients are recovered across pods.
 */
export const LINK_NAMES = ['redis', 'redis-sharded', 'redis-streams'] as const;
export type LinkName = (typeof LINK_NAMES)[number];

/** The one from which a client gets what it missed, at whatever pod it comes back. */
export const DEFAULT_LINK: LinkName = 'redis-streams';

/** Options of {@link createLink}. */
export interface LinkOptions {
  /** Default `redis-streams`. */
  name?: LinkName;
  redis: RedisSettings;
  podName: string;
  /** Secrets that sign what travels between pods: the first signs, all are accepted. See `FLOTILLA_BUS_SECRET`. */
  secrets?: readonly string[];
  /** How often this pod sends itself a message to know that it is heard. Default 1000. */
  probeEveryMs?: number;
  /** After this long without hearing itself the link counts as deaf and is rebuilt. Default 2500. */
  probeTimeoutMs?: number;
  /** With `redis-streams`: about so many messages stay in the stream. Default 100,000. */
  maxLogEntries?: number;
  /** With `redis-streams`: of large messages as many stay as fit into about so many bytes, the latest 500 in any case. Default 64 MiB. */
  maxLogBytes?: number;
  log: BusLog;
  /** Runs once when an outage of Redis begins. */
  onRedisDown?: () => void;
  /** Runs once when it is over. */
  onRedisUp?: () => void;
}

/** Makes the factory that `Hub.connect` takes. */
export function createLink({ name = DEFAULT_LINK, ...options }: LinkOptions): LinkFactory {
  if (name === 'redis-streams') return (origin, counters) => new StreamsLink({ ...options, origin, counters });
  const sharded = name === 'redis-sharded';
  return (origin, counters) => new PubSubLink({ ...options, sharded, origin, counters });
}

/** Reads the secrets of `FLOTILLA_BUS_SECRET`: one, or two separated by a comma while they are being changed. */
export function readBusSecrets(env: NodeJS.ProcessEnv = process.env): string[] {
  return readSecrets(env.FLOTILLA_BUS_SECRET);
}
