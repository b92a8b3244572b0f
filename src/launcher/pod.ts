import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Hub } from '../bus/hub/hub';
import type { WorkerEnvironment } from '../bus/identity';
import { randomPodTag } from '../bus/ids';
import { createLink, readBusSecrets } from '../bus/link/create-link';
import { RedisSettings } from '../redis';
import { createPodSessionService } from '../session/pod-session-service';
import { checkApp } from './app-check';
import { findAppOf } from './entry';
import { LauncherError, messageOf } from './errors';
import type { FrontDoor } from './front-door/front-door';
import { RouteDoor } from './front-door/route-door';
import { DEFAULT_HEADER_TIMEOUT_MS } from './front-door/settings';
import { StickyDoor } from './front-door/sticky-door';
import { DrainProgress } from './life-cycle/drain-progress';
import { OnceLock } from './life-cycle/once-lock';
import { PollEnds } from './life-cycle/poll-ends';
import { Rebalance } from './life-cycle/rebalance';
import { Reload } from './life-cycle/reload';
import { beatEveryMs, WorkerWatch } from './life-cycle/worker-watch';
import type { Logger } from './logger';
import type { LaunchEnvironment } from './messages';
import { Journal } from './ops/journal';
import { OpsServer } from './ops/ops-server';
import type { OpsSubject, PodPhase } from './ops/subject';
import { type PodOptions, type PodSettings, readPodSettings } from './options';
import { PeerDoor } from './peer/peer-door';
import {
  appSocketPath,
  createRuntimeDirectory,
  hubSocketPath,
  peerSocketPath,
  type RuntimeDirectory,
} from './runtime-directory';
import { SettingsAgreement } from './settings-agreement';
import type { PublicAddress, SettingsDocument } from './settings-document';
import { Supervisor } from './supervisor';
import { keepingRequestsYoung } from './young-requests';

interface PodEvents {
  /** Every wanted worker is ready for the first time. */
  ready: [];
  /** It cannot go on; `stop()` is still to be called. */
  failed: [reason: LauncherError];
  /** Somebody asked over the ops server that it stops. */
  'stop-requested': [];
}

/** How long the first lift waits for Redis, so that a pod is not alone in its first moments. */
const REDIS_EXPECTED_MS = 3_000;
/** How long it waits with `--redis-required`. */
const REDIS_REQUIRED_MS = 15_000;

/** A pod: this process as the primary, and the workers around it. */
export class Pod extends EventEmitter<PodEvents> {
  readonly #supervisor: Supervisor;
  readonly #door: FrontDoor;
  readonly #peers: PeerDoor;
  readonly #hub: Hub;
  readonly #sessions = createPodSessionService();
  readonly #directory: RuntimeDirectory;
  readonly #tag = randomPodTag();
  readonly #ops: OpsServer | undefined;
  readonly #journal = new Journal();
  private readonly log: Logger;
  #phase: PodPhase = 'starting';
  #address: PublicAddress | undefined;
  readonly #reload: Reload;
  readonly #watch: WorkerWatch;
  readonly #rebalance: Rebalance;
  readonly #pollEnds: PollEnds;
  #once: OnceLock | undefined;
  #runsOnce = true;
  #stopped: Promise<void> | undefined;

  constructor(
    private readonly settings: PodSettings,
    log: Logger,
  ) {
    super();
    this.log = this.#journal.listening(log);
    this.#directory = createRuntimeDirectory();
    this.#hub = new Hub({ podTag: this.#tag, podName: settings.podName, log: this.log });
    this.#hub.offer('session', this.#sessions);
    this.#supervisor = new Supervisor({
      workers: settings.workers,
      log: this.log,
      environment: (number, _tag, first) => this.#workerEnvironment(number, first),
    });
    this.#door = this.#createDoor();
    this.#peers = this.#createPeerDoor();
    if (settings.ops) this.#ops = new OpsServer(this.#createOpsSubject(), settings.ops, this.#journal, this.log);
    const agreement = this.#wire();
    const retirement = { windowMs: settings.drainWindowMs, graceMs: settings.graceMs };
    this.#reload = new Reload({ supervisor: this.#supervisor, agreement, retirement, log: this.log });
    this.#pollEnds = new PollEnds({ supervisor: this.#supervisor, log: this.log });
    this.#rebalance = new Rebalance({
      supervisor: this.#supervisor,
      percentPerSecond: settings.rebalancePercent,
      log: this.log,
    });
    const { stuckAfterMs, replaceStuck, recycleAtPercent } = settings;
    this.#watch = new WorkerWatch({
      supervisor: this.#supervisor,
      stuckAfterMs,
      replaceStuck,
      recycleAtPercent,
      retirement,
      log: this.log,
    });
  }

  /** Opens the hub and forks the first worker. */
  async start(): Promise<void> {
    cluster.setupPrimary({
      exec: join(__dirname, 'worker', 'main.js'),
      args: this.settings.entry?.arguments ?? this.settings.sailsArguments,
      cwd: this.settings.entry ? process.cwd() : this.settings.appPath,
      execArgv: this.#workerArguments(),
      // JSON, the default, does not keep bytes as bytes
      serialization: 'advanced',
    });
    process.on('exit', this.#directory.remove);
    await this.#ops?.start();
    await this.#hub.listen(hubSocketPath(this.#directory.path));
    this.#supervisor.start();
  }

  /** Takes no new connections, stops the workers and frees everything. Later calls wait for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Ends every worker at once. */
  kill(): void {
    this.#supervisor.kill();
  }

  /**
   * Replaces the workers one by one, each new one up before the old one drains.
   * @returns how many were replaced
   * @throws LauncherError `E_RELOAD_BUSY`, `E_REPLACEMENT`
   */
  reload(): Promise<number> {
    return this.#reload.run();
  }

  /** Whether it was told to stop. */
  get isDraining(): boolean {
    return this.#stopped !== undefined;
  }

  async #stop(): Promise<void> {
    const { drainDelayMs, drainWindowMs, graceMs } = this.settings;
    const begun = Date.now();
    const deadline = begun + graceMs;
    // the ends of polling sessions have half of the window, those of the others what is left of it
    const needsPolls = this.#pollsNeedThisPod;
    const pollWindowMs = needsPolls ? drainWindowMs / 2 : 0;
    const polls = needsPolls ? this.#pollEnds.run(pollWindowMs) : undefined;
    this.#rebalance.close();
    this.#hub.drain();
    await polls;
    const windowMs = Math.max(drainWindowMs - pollWindowMs, drainWindowMs - (Date.now() - begun));
    if (drainDelayMs > 0 && this.#supervisor.readyWorkers.length > 0) {
      this.log.info(`draining: taking connections for another ${drainDelayMs} ms, until nobody sends any`);
      await new Promise((resolve) => setTimeout(resolve, drainDelayMs));
    }
    this.#watch.close();
    // half of what the window leaves: the rest is for requests in flight
    await this.#door.close(Math.max(0, deadline - Date.now() - windowMs) / 2);
    await this.#supervisor.stop({ windowMs, graceMs: Math.max(0, deadline - Date.now()) });
    await this.#once?.close();
    await this.#peers.close();
    await this.#hub.close();
    await this.#ops?.close();
    this.#sessions.close();
    this.#directory.remove();
    process.removeListener('exit', this.#directory.remove);
  }

  /** Whether there are other pods to which clients can go, and which do not pass their polls on to this one. */
  get #pollsNeedThisPod(): boolean {
    if (this.#peers.isOpen || this.#supervisor.readyWorkers.length === 0) return false;
    return this.#hub.pods().some(({ tag, state }) => tag !== this.#tag && state === 'up');
  }

  #createOpsSubject(): OpsSubject {
    const pod = this;
    const { podName: name, appPath, mode, workers: wantedWorkers } = this.settings;
    return {
      ...{ name, appPath, mode, wantedWorkers },
      tag: this.#tag,
      hub: this.#hub,
      sessions: this.#sessions,
      supervisor: this.#supervisor,
      get phase() {
        return pod.isDraining ? 'draining' : pod.#phase;
      },
      get isClosingPolls() {
        return pod.#pollEnds.isRunning;
      },
      get address() {
        return pod.#address;
      },
      get refusedConnections() {
        return pod.#door.refused.counts;
      },
      get peerConnections() {
        return pod.#peers.counts;
      },
      reload: () => this.reload(),
      requestStop: () => {
        if (!this.isDraining) this.emit('stop-requested');
      },
    };
  }

  #createDoor(): FrontDoor {
    const { log, settings } = this;
    const { port, host, unavailableAfterMs, frontDoor } = settings;
    const common = { log, port, host, unavailableAfterMs };
    const supervisor = this.#supervisor;
    if (settings.mode === 'sticky') {
      const { maxConnections, http } = frontDoor;
      const silenceMs = http.headerTimeoutMs ?? DEFAULT_HEADER_TIMEOUT_MS;
      return new StickyDoor({ ...common, maxConnections, silenceMs, readyWorkers: () => supervisor.readyWorkers });
    }
    return new RouteDoor({
      ...common,
      settings: frontDoor,
      workers: () => supervisor.workers,
      byTag: (tag) => supervisor.byTag(tag),
    });
  }

  #createPeerDoor(): PeerDoor {
    const supervisor = this.#supervisor;
    return new PeerDoor({
      log: this.log,
      hub: this.#hub,
      podTag: this.#tag,
      settings: this.settings.peer,
      speaksTls: this.settings.peerTls !== undefined,
      workers: () => supervisor.workers,
      byTag: (tag) => supervisor.byTag(tag),
    });
  }

  #wire(): SettingsAgreement {
    const onAgreed = async (document: SettingsDocument, address: PublicAddress) => {
      this.#address = address;
      await this.#connectToOthers(document);
    };
    const agreement = new SettingsAgreement(this.#door, this.log, onAgreed, () => this.#runsOnce);
    this.#supervisor.on('forked', (worker) => {
      this.#door.watch(worker);
      this.#peers.watch(worker);
      worker.on('message', (message) => {
        if (message.flotilla === 'settings') void agreement.answer(worker, message.document);
      });
    });
    let complete = false;
    this.#supervisor.on('ready', (worker) => {
      void this.#onceDone();
      this.#peers.workerReady(worker);
      this.#door.workerReady(worker);
      if (complete || this.#supervisor.readyWorkers.length < this.settings.workers) return;
      complete = true;
      this.#phase = 'up';
      this.emit('ready');
    });
    this.#supervisor.on('gone', (worker) => {
      if (process.platform === 'win32') return;
      for (const path of [appSocketPath, peerSocketPath])
        rmSync(path(this.#directory.path, worker.tag), { force: true });
    });
    const progress = new DrainProgress(this.log);
    this.#supervisor.on('draining', (worker, left, of) => progress.update(worker.number, left, of));
    this.#supervisor.on('gave-up', (reason) => this.emit('failed', reason));
    return agreement;
  }

  /** Connects the hub to those of other pods, where there is a Redis to do so. */
  async #connectToOthers({ redis: document, link, maxLogBytes, peerKeys }: SettingsDocument): Promise<void> {
    if (!document) return;
    const { log } = this;
    await this.#peers.open(peerKeys.map((key) => Buffer.from(key, 'hex')));
    const { podName, redisRequired } = this.settings;
    const redis = RedisSettings.fromDocument(document);
    this.#phase = 'waiting-for-redis';
    const options = { name: link ?? undefined, maxLogBytes: maxLogBytes ?? undefined };
    const connected = this.#hub.connect(createLink({ ...options, redis, podName, secrets: readBusSecrets(), log }));
    const isThere = await settlesWithin(connected.ready(), redisRequired ? REDIS_REQUIRED_MS : REDIS_EXPECTED_MS);
    if (this.#phase === 'waiting-for-redis') this.#phase = 'starting';
    if (isThere) {
      await this.#agreeOnOnce(redis);
      return;
    }
    if (redisRequired) {
      throw new LauncherError(
        'E_REDIS_REQUIRED',
        `Redis at ${redis} is not there after ${REDIS_REQUIRED_MS} ms, and --redis-required says not to start without it.`,
      );
    }
    log.warn(`Redis at ${redis} is not there yet: this pod starts alone and joins the others when it comes`);
  }

  /** Of several pods one does what is done once; the others wait for it here. */
  async #agreeOnOnce(redis: RedisSettings): Promise<void> {
    const { podName, appPath } = this.settings;
    const hasOthers = () => this.#hub.pods().length > 1;
    this.#once = new OnceLock({ redis, podName, appPath, hasOthers, log: this.log });
    try {
      this.#runsOnce = await this.#once.acquire();
    } catch (error) {
      this.log.warn(`this pod does what is done once without asking the others: ${messageOf(error)}`);
    }
    if (!this.#runsOnce) await this.#once.close();
  }

  /** The first worker is ready: what is done once is done. */
  async #onceDone(): Promise<void> {
    const once = this.#once;
    this.#once = undefined;
    await once
      ?.done()
      .catch((error) => this.log.warn(`the other pods could not be told that it is done: ${messageOf(error)}`));
    await once?.close();
  }

  #workerArguments(): string[] {
    const { maxOldSpaceMb, entry } = this.settings;
    const given = keepingRequestsYoung([...process.execArgv, ...(entry?.nodeArguments ?? [])]);
    if (maxOldSpaceMb === undefined) return given;
    this.log.debug(`each worker may have ${maxOldSpaceMb} MiB of heap`);
    return [...given, `--max-old-space-size=${maxOldSpaceMb}`];
  }

  #workerEnvironment(number: number, first: boolean): NodeJS.ProcessEnv {
    const { appPath, entry, mode, port, host, podName, stuckAfterMs, maxOldSpaceMb, frontDoor, peerTls } =
      this.settings;
    const launch: LaunchEnvironment = {
      appPath,
      entry: entry?.file,
      mode,
      directory: this.#directory.path,
      port,
      host,
      first,
      http: frontDoor.http,
      peerTls,
      beatEveryMs: beatEveryMs(stuckAfterMs),
      maxOldSpaceMb,
    };
    const identity: WorkerEnvironment = {
      FLOTILLA_HUB: hubSocketPath(this.#directory.path),
      FLOTILLA_POD: this.#tag,
      FLOTILLA_POD_NAME: podName,
      FLOTILLA_WORKER: String(number),
    };
    return { ...identity, FLOTILLA_LAUNCHER: JSON.stringify(launch) };
  }
}

/**
 * Starts a pod for a Sails app.
 * @throws LauncherError where the app or a setting is wrong
 */
export async function startPod(options: PodOptions, log: Logger): Promise<Pod> {
  const appPath = checkApp(options.entry ? findAppOf(options.entry) : options.appPath);
  const settings = readPodSettings({ ...options, appPath });
  const pod = new Pod(settings, log);
  await pod.start();
  return pod;
}

async function settlesWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const settled = promise.then(
    () => true,
    () => false,
  );
  const result = await Promise.race([settled, timeout]);
  clearTimeout(timer);
  return result;
}
