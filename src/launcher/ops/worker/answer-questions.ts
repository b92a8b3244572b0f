import { getHeapStatistics } from 'node:v8';
import { Registry } from 'prom-client';
import type { MetricReading } from '../../../metrics/declarations';
import { EventLoopWatch } from '../../../metrics/event-loop';
import { declareFrontDoorMetrics, type FrontDoorReading } from '../../../metrics/front-door-metrics';
import type { HookPulse } from '../../../metrics/hook-metrics';
import { declareProcessMetrics } from '../../../metrics/process-metrics';
import { codeOf, LauncherError, messageOf } from '../../errors';
import type { PrimaryLink } from '../../worker/primary-link';
import type { SailsApp } from '../../worker/sails-app';
import type { OpsAnswers, OpsQuestion, WorkerPulse } from '../protocol';
import { describeSocket, findSocket, largestRooms, membersOf } from './inspect-sockets';

/** The members of our hook that this needs. Another version of it in the app may have none of them. */
interface MeasuredHook {
  readMetrics?(): Promise<MetricReading[]>;
  readPulse?(): HookPulse;
}

const NO_PULSE: HookPulse = { sockets: 0, rooms: 0, messagesIn: 0, messagesOut: 0, requests: 0, busMessages: 0 };

/** Answers what the primary's ops server asks this worker. */
export class OpsAnswering {
  readonly #registry = new Registry();
  readonly #eventLoop = new EventLoopWatch();

  /** @param readFrontDoor what the worker's part of the front door has done */
  constructor(
    private readonly sails: SailsApp,
    private readonly link: PrimaryLink,
    private readonly readFrontDoor: () => FrontDoorReading,
  ) {
    declareProcessMetrics(this.#registry, this.#eventLoop);
    declareFrontDoorMetrics(this.#registry, readFrontDoor);
    link.listen((message) => {
      if (message.flotilla === 'ask') void this.#receive(message.id, message.question);
    });
  }

  /** The app is lifted: from now on it matters how late the event loop is. */
  lifted(): void {
    this.#eventLoop.restart();
  }

  async #receive(id: number, question: OpsQuestion): Promise<void> {
    try {
      await this.link.send({ flotilla: 'answer', id, value: await this.#answer(question) });
    } catch (error) {
      await this.link.send({ flotilla: 'answer', id, error: { code: codeOf(error), message: messageOf(error) } });
    }
  }

  #answer(question: OpsQuestion): OpsAnswers[OpsQuestion['name']] | Promise<OpsAnswers['metrics']> {
    if (question.name === 'metrics') return this.#readMetrics();
    if (question.name === 'pulse') return this.#readPulse();
    const { io } = this.sails;
    if (!io) throw new LauncherError('E_OPS_NO_SOCKETS', 'This app runs without sockets.');
    switch (question.name) {
      case 'rooms':
        return largestRooms(io, question.limit);
      case 'room':
        return membersOf(io, question.nsp, question.room, question.limit);
      case 'socket':
        return describeSocket(io, question.nsp, question.id);
      case 'disconnect': {
        const socket = findSocket(io, question.nsp, question.id);
        socket?.disconnect(true);
        return socket !== undefined;
      }
      case 'send': {
        // `io.of()` would make a namespace that is not there
        const namespace = io._nsps.get(question.nsp);
        if (!namespace) throw new LauncherError('E_OPS_REQUEST', `This app has no namespace "${question.nsp}".`);
        namespace.to(question.room).emit(question.event, ...question.args);
        return null;
      }
    }
  }

  async #readMetrics(): Promise<MetricReading[]> {
    const own = (await this.#registry.getMetricsAsJSON()) as MetricReading[];
    const hook = (await this.#hook?.readMetrics?.()) ?? [];
    return [...own, ...hook];
  }

  #readPulse(): WorkerPulse {
    const { p99Ms, maxMs } = this.#eventLoop.delay;
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      ...(this.#hook?.readPulse?.() ?? NO_PULSE),
      connections: this.readFrontDoor().connections,
      eventLoopP99Ms: p99Ms,
      eventLoopMaxMs: maxMs,
      cpuMs: (user + system) / 1_000,
      residentBytes: rss,
      heapBytes: heapUsed,
      heapLimitBytes: getHeapStatistics().heap_size_limit,
    };
  }

  get #hook(): MeasuredHook | undefined {
    return this.sails.hooks.sockets as MeasuredHook | undefined;
  }
}
