import { parseOwner } from '../../bus/ids';
import { LauncherError } from '../errors';
import type { Supervisor } from '../supervisor';
import type { WorkerProcess } from '../worker-process';
import type { Places } from './places';
import type { RoomSize, SocketDetails, SocketRow } from './protocol';
import type { WorkerQuestions } from './worker-questions';

const MOST_ROOMS = 50;
const MOST_MEMBERS = 100;

/** A room of this pod, with its sockets in all of its workers. */
export type PodRoom = RoomSize & { workers: Array<{ place: number; sockets: number }> };

/** Looks at rooms and sockets of this pod, and sends and disconnects on somebody's order. */
export class SocketViews {
  constructor(
    private readonly podTag: string,
    private readonly supervisor: Supervisor,
    private readonly questions: WorkerQuestions,
    private readonly places: Places,
  ) {}

  /** The largest rooms. `total` counts a room once for each worker that has it. */
  async rooms(): Promise<{ rooms: PodRoom[]; total: number }> {
    const answers = await this.questions.askAll(this.#reachable, { name: 'rooms', limit: 4 * MOST_ROOMS });
    const merged = new Map<string, PodRoom>();
    for (const { worker, answer } of answers) {
      for (const each of answer.rooms) {
        const key = `${each.nsp}\n${each.room}`;
        const room = merged.get(key) ?? { ...each, sockets: 0, workers: [] };
        room.sockets += each.sockets;
        room.workers.push({ place: this.places.of(worker), sockets: each.sockets });
        merged.set(key, room);
      }
    }
    const rooms = [...merged.values()].sort((a, b) => b.sockets - a.sockets || (a.room < b.room ? -1 : 1));
    return { rooms: rooms.slice(0, MOST_ROOMS), total: answers.reduce((sum, { answer }) => sum + answer.total, 0) };
  }

  /** The sockets in a room, at most a hundred of them. */
  async room(nsp: string, room: string): Promise<{ sockets: Array<SocketRow & { place: number }>; total: number }> {
    const question = { name: 'room', nsp, room, limit: MOST_MEMBERS } as const;
    const answers = await this.questions.askAll(this.#reachable, question);
    const sockets = answers.flatMap(({ worker, answer }) =>
      answer.sockets.map((socket) => ({ ...socket, place: this.places.of(worker) })),
    );
    return {
      sockets: sockets.slice(0, MOST_MEMBERS),
      total: answers.reduce((sum, { answer }) => sum + answer.total, 0),
    };
  }

  /**
   * Every worker is asked: a recovered socket keeps the id that names the worker it had before.
   * @throws LauncherError `E_OPS_NO_SUCH_SOCKET`
   */
  async socket(nsp: string, id: string): Promise<SocketDetails & { place: number }> {
    const answers = await this.questions.askAll(this.#reachable, { name: 'socket', nsp, id });
    for (const { worker, answer } of answers) if (answer) return { ...answer, place: this.places.of(worker) };
    throw this.#noSuchSocket(id);
  }

  /** @throws LauncherError `E_OPS_NO_SUCH_SOCKET` */
  async disconnect(nsp: string, id: string): Promise<void> {
    const answers = await this.questions.askAll(this.#reachable, { name: 'disconnect', nsp, id });
    if (!answers.some(({ answer }) => answer)) throw this.#noSuchSocket(id);
  }

  /**
   * Sends an event to a room of the whole fleet.
   * @returns the number of the worker that sent it
   * @throws LauncherError `E_OPS_NO_WORKER`, `E_OPS_WORKER_SILENT`, `E_OPS_REQUEST`
   */
  async send(nsp: string, room: string, event: string, args: unknown[]): Promise<number> {
    const [worker] = this.supervisor.readyWorkers;
    if (!worker) throw new LauncherError('E_OPS_NO_WORKER', 'No worker of this pod is ready to send.');
    await this.questions.ask(worker, { name: 'send', nsp, room, event, args });
    return worker.number;
  }

  /** Those that have sockets, draining ones included. */
  get #reachable(): WorkerProcess[] {
    return [...this.supervisor.workers].filter((worker) => worker.isReachable);
  }

  #noSuchSocket(id: string): LauncherError {
    const owner = parseOwner(id);
    const elsewhere = owner && owner.pod !== this.podTag ? ' Its id names another pod: look there.' : '';
    return new LauncherError('E_OPS_NO_SUCH_SOCKET', `No socket of this pod has the id ${id}.${elsewhere}`);
  }
}
