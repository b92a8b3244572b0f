import { hostname } from 'node:os';
import { Encoder, PacketType } from 'socket.io-parser';
import { consoleLog } from '../bus/console-log';
import type { BusLog } from '../bus/fleet';
import { readIdentity } from '../bus/identity';
import { joinFleet } from '../bus/join-fleet';
import { createLink, type LinkName, readBusSecrets } from '../bus/link/create-link';
import type { Link } from '../bus/link/link';
import type { Member } from '../bus/member';
import { joinParts } from '../bus/payload';
import { MessageKind } from '../bus/protocol';
import { resolveRedisSettings } from '../redis';
import { EmitterError } from './errors';

/** How long an order to sockets waits for the fleet. */
const ORDER_DEADLINE_MS = 5_000;
/** The pods answer a greeting at once: after this long those that live are known. */
const GREETING_ANSWERS_MS = 250;
/** How long `close()` waits for Redis, to send what is still here. */
const FLUSH_TIMEOUT_MS = 5_000;

/** Options of {@link createEmitter}. */
export interface EmitterOptions {
  /** Redis: a URL or a settings object (docs/redis.md). Default: the environment's `FLOTILLA_REDIS_URL`. */
  redis?: unknown;
  /** The fleet's link. Default `redis-streams`, as there. */
  link?: LinkName;
  /** Secrets that sign what is sent. Default: the environment's `FLOTILLA_BUS_SECRET`. */
  busSecrets?: readonly string[];
  /** Socket.IO namespace. Default `/`. */
  nsp?: string;
  /** Where to log. Default: warnings and errors to the console. */
  log?: BusLog;
}

/** Which sockets an order means: members of any of the rooms, or the sockets with these ids. */
export type EmitterTarget = { rooms: string[]; ids?: undefined } | { ids: string[]; rooms?: undefined };

/** Sends to the clients of a fleet from a process that serves none: cron jobs, queue workers, scripts. */
export interface Emitter {
  /** Settles when the fleet can be reached. What is sent before waits for it (for some seconds, then it is dropped and counted). */
  ready(): Promise<void>;
  /** As `sails.sockets.broadcast`: sends an event to the members of one or several rooms. */
  broadcast(rooms: string | string[], eventName: string, data?: unknown): void;
  /** As `sails.sockets.blast`: sends an event to every client. */
  blast(eventName: string, data?: unknown): void;
  /** As `Model.publish`: tells the subscribers of records. The message has a `verb`, e.g. `{ verb: 'updated', id: 1, data: { … } }`. */
  publish(modelIdentity: string, ids: Array<string | number>, message: unknown): void;
  /** Disconnects sockets anywhere. Answers how many there were, and which processes did not answer in time. */
  disconnectSockets(target: EmitterTarget, close?: boolean): Promise<{ matched: number; silent: string[] }>;
  /** Sends what is still here, and frees everything. */
  close(): Promise<void>;
}

/**
 * Makes an emitter.
 * @throws EmitterError `E_EMITTER_REDIS` where no setting says where Redis is; RedisSettingError `E_REDIS_SETTING` for a bad one
 * @example
 * const emitter = createEmitter({ redis: 'redis://127.0.0.1:6379' });
 * emitter.broadcast('news', 'headline', { text: 'Hello' });
 * await emitter.close();
 */
export function createEmitter(options: EmitterOptions = {}): Emitter {
  const { link: name, nsp = '/', busSecrets: secrets = readBusSecrets(), log = consoleLog } = options;
  const redis = resolveRedisSettings({ code: options.redis, codeName: 'redis' });
  if (!redis) {
    throw new EmitterError(
      'E_EMITTER_REDIS',
      'the emitter reaches the fleet through Redis, and no setting says where that is: pass { redis: "redis://…" } or set FLOTILLA_REDIS_URL',
    );
  }
  const podName = `emitter@${hostname()}`;
  let link: Link | undefined;
  const makeLink = createLink({ name, redis, podName, secrets, log });
  const fleet = joinFleet({
    identity: { ...readIdentity({}), podName },
    role: 'emitter',
    log,
    link: (origin, counters) => {
      link = makeLink(origin, counters);
      return link;
    },
  }) as Member;
  return new FleetEmitter(fleet, link as unknown as Link, nsp);
}

class FleetEmitter implements Emitter {
  readonly #encoder = new Encoder();
  #greeted: Promise<void> | undefined;

  constructor(
    private readonly member: Member,
    private readonly link: Link,
    private readonly nsp: string,
  ) {}

  ready(): Promise<void> {
    return this.link.ready();
  }

  broadcast(rooms: string | string[], eventName: string, data?: unknown): void {
    const list = Array.isArray(rooms) ? rooms : [rooms];
    if (list.length === 0 || !list.every((room) => typeof room === 'string' && room !== '')) {
      throw new EmitterError(
        'E_EMITTER_ARGUMENT',
        `broadcast takes a room name or several, got ${JSON.stringify(rooms)}`,
      );
    }
    this.#send(list, eventName, data);
  }

  blast(eventName: string, data?: unknown): void {
    this.#send([], eventName, data);
  }

  publish(modelIdentity: string, ids: Array<string | number>, message: unknown): void {
    if (!Array.isArray(ids)) {
      throw new EmitterError('E_EMITTER_ARGUMENT', `publish takes an array of record ids, got ${JSON.stringify(ids)}`);
    }
    // The room names of Sails 1.x (lib/hooks/pubsub), one message per record as there.
    for (const id of ids) this.#send([`sails_model_${modelIdentity}_${id}:${modelIdentity}`], modelIdentity, message);
  }

  async disconnectSockets(target: EmitterTarget, close = true): Promise<{ matched: number; silent: string[] }> {
    this.#greeted ??= this.#untilGreeted();
    await this.#greeted;
    const { answers, silent } = await this.member.ask(
      this.nsp,
      { name: 'disconnect', close },
      { rooms: target.rooms ?? [], except: [], ids: target.ids },
      ORDER_DEADLINE_MS,
    );
    return { matched: answers.reduce<number>((sum, count) => sum + (Number(count) || 0), 0), silent };
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
    });
    await Promise.race([this.link.ready(), timeout]);
    clearTimeout(timer);
    await this.member.close();
  }

  async #untilGreeted(): Promise<void> {
    await this.link.ready();
    await new Promise((resolve) => setTimeout(resolve, GREETING_ANSWERS_MS));
  }

  #send(rooms: string[], eventName: string, data: unknown): void {
    if (typeof eventName !== 'string' || eventName === '') {
      throw new EmitterError('E_EMITTER_ARGUMENT', `the event needs a name, got ${JSON.stringify(eventName)}`);
    }
    const packet = {
      type: PacketType.EVENT,
      data: data === undefined ? [eventName] : [eventName, data],
      nsp: this.nsp,
    };
    const encoded = this.#encoder.encode(packet);
    this.member.checkSize(encoded);
    this.member.send({
      kind: MessageKind.Broadcast,
      from: this.member.uid,
      id: this.member.nextMessageId(),
      nsp: this.nsp,
      rooms,
      except: [],
      flags: {},
      payload: joinParts(encoded),
    });
  }
}
