import type { HttpLimits } from './front-door/settings';
import type { OpsQuestion } from './ops/protocol';
import type { PeerRow } from './peer/peer-row';
import type { PeerTlsFiles } from './peer/peer-tls';
import type { ClientAddress } from './raw-handle';
import type { PublicAddress, SettingsDocument } from './settings-document';

/** What a worker tells its primary over Node's IPC channel. The discriminant keeps these apart from an app's own messages. */
export type FromWorker =
  /** The app's config is loaded; the worker waits for `agreed` or `refused`. */
  | { flotilla: 'settings'; document: SettingsDocument }
  /** Hooks are loaded; the worker waits for `bootstrap`. */
  | { flotilla: 'loaded' }
  /** Lifted: it takes connections from now on. */
  | { flotilla: 'ready' }
  /** It ends, for this reason. */
  | { flotilla: 'failed'; code: string | undefined; message: string }
  /**
   * It took every delivery up to this number, and has so many connections now. `ended`: for each connection that ended since,
   * what it was counted as.
   */
  | { flotilla: 'load'; taken: number; connections: number; ended?: string[] }
  /** Its event loop turns; how much of its heap is in use, and how many Engine.IO connections it has, polling ones too. */
  | { flotilla: 'beat'; heapPercent: number; sockets: number }
  /** The connections that polled are closed. */
  | { flotilla: 'polls-closed'; count: number }
  /** It has done what `shed` said, as far as it could. */
  | { flotilla: 'sockets-shed'; count: number }
  /** It drains: so many of its connected clients are left. */
  | { flotilla: 'draining'; left: number; of: number }
  /**
   * An upgrade (its handle travels along) that belongs to the worker with this tag, or to any but this one; `head` is all that
   * was read of it, `client` whom a proxy speaks for.
   */
  | { flotilla: 'handover'; to: string | undefined; head: Uint8Array; client?: ClientAddress | undefined }
  /** The answer to `ask`, or the error that it met. */
  | { flotilla: 'answer'; id: number; value?: unknown; error?: { code: string | undefined; message: string } };

/** What the primary tells a worker. */
export type ToWorker =
  /** `once`: whether this pod does what is done once for the fleet. */
  | { flotilla: 'agreed'; address: PublicAddress; once: boolean }
  | { flotilla: 'refused'; code: string; message: string }
  | { flotilla: 'bootstrap' }
  /** A connection (its handle travels along), or an upgrade that another worker began to read. */
  | ({ flotilla: 'connection'; seq: number } & Introduction)
  /** A connection of another pod; the worker first writes `answer` on it, or, where it takes no more, `goneAnswer` and closes it. */
  | { flotilla: 'peer'; seq: number; answer: Uint8Array; goneAnswer: Uint8Array }
  /** The other pods, as they are now. */
  | { flotilla: 'peers'; peers: PeerRow[] }
  /** A question of the ops server. */
  | { flotilla: 'ask'; id: number; question: OpsQuestion }
  /** Close the connections that poll, over this window, and serve on. */
  | { flotilla: 'close-polls'; windowMs: number }
  /** Give up so many sockets over this window, keep at least so many, and serve on. */
  | { flotilla: 'shed'; count: number; keep: number; windowMs: number }
  /**
   * Drain and end: close the sockets over this window, and leave when it is time even if some work is not done. `successor`:
   * the tag of the worker that takes its place, where there is one.
   */
  | { flotilla: 'stop'; windowMs: number; deadlineMs: number; successor: string | undefined };

/** What is known of a connection that is passed on. */
export interface Introduction {
  /** What was read of it already. */
  head?: Uint8Array | undefined;
  /** Whom a proxy speaks for. */
  client?: ClientAddress | undefined;
  /** What it is counted as: the worker says so again when it ends. */
  countedAs?: string | undefined;
}

/** Whether a message on the IPC channel is one of ours. */
export function isFlotillaMessage(message: unknown): message is { flotilla: string } {
  return typeof (message as { flotilla?: unknown } | null)?.flotilla === 'string';
}

/** What the primary tells a worker at its birth, as JSON in `FLOTILLA_LAUNCHER`. */
export interface LaunchEnvironment {
  appPath: string;
  /** The app's own entry file, where it is to be run; else the app is lifted from its directory. */
  entry?: string | undefined;
  mode: 'route' | 'sticky';
  /** The directory of the local sockets. */
  directory: string;
  /** `--port`, where it was given. */
  port: number | undefined;
  /** `--host`, where it was given. */
  host: string | undefined;
  /** Limits of its HTTP server, as far as they were given. */
  http: HttpLimits;
  /** With what it speaks TLS with other pods, where it does. */
  peerTls?: PeerTlsFiles | undefined;
  /** How often it tells that it lives. */
  beatEveryMs: number;
  /** Its heap limit in MiB, where the launcher has set one. */
  maxOldSpaceMb: number | undefined;
  /** Whether no worker has been ready yet: then this one does what is done once (migrations, Grunt). */
  first: boolean;
}
