import type { PodStatus } from '../launcher/ops/pod-status';
import type { PodRoom } from '../launcher/ops/socket-views';
import { CommandError, EXIT } from './exit-codes';

/** Longer than the ops server waits for its workers. */
const ANSWER_WITHIN_MS = 5_000;

/** Talks to the ops server of a pod. */
export class OpsClient {
  /**
   * @param url of the ops server
   * @param token where it is known
   */
  constructor(
    readonly url: string,
    private readonly token: string | undefined,
  ) {}

  status(): Promise<PodStatus> {
    return this.#ask('GET', 'api/status') as Promise<PodStatus>;
  }

  rooms(): Promise<{ rooms: PodRoom[]; total: number }> {
    return this.#ask('GET', 'api/rooms') as Promise<{ rooms: PodRoom[]; total: number }>;
  }

  /** @returns the number of the worker that sent it */
  async send(nsp: string, room: string, event: string, args: unknown[]): Promise<number> {
    const { worker } = (await this.#ask('POST', 'api/send', { nsp, room, event, args })) as { worker: number };
    return worker;
  }

  /**
   * Waits for the end of the reload.
   * @returns how many workers were replaced
   */
  async reload(timeoutMs: number): Promise<number> {
    const { replaced } = (await this.#ask('POST', 'api/reload', {}, timeoutMs)) as { replaced: number };
    return replaced;
  }

  async stop(): Promise<void> {
    await this.#ask('POST', 'api/stop', {});
  }

  async #ask(method: string, path: string, body?: unknown, timeoutMs = ANSWER_WITHIN_MS): Promise<unknown> {
    const response = await this.#fetch(method, path, body, timeoutMs);
    const answer = await this.#read(response);
    if (response.ok) return answer;
    const { code, message } = answer as { code?: string; message?: string };
    if (response.status === 401) {
      throw new CommandError(
        EXIT.noToken,
        'E_OPS_TOKEN',
        `The pod at ${this.url} wants its token: set FLOTILLA_OPS_TOKEN to the one it was started with.`,
      );
    }
    throw new CommandError(EXIT.failure, 'E_COMMAND', `${message ?? `the pod answered ${response.status}`} (${code})`);
  }

  async #fetch(method: string, path: string, body: unknown, timeoutMs: number): Promise<Response> {
    const headers: Record<string, string> = { 'Content-Type': 'application/json' };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    try {
      return await fetch(new URL(path, `${this.url}/`), {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (error) {
      throw new CommandError(
        EXIT.noPod,
        'E_NO_POD',
        `No pod answers at ${this.url} (${reasonOf(error, timeoutMs)}). Is it running, and is that the address of its ops server (--ops-port)?`,
      );
    }
  }

  async #read(response: Response): Promise<unknown> {
    try {
      return await response.json();
    } catch {
      throw new CommandError(
        EXIT.noPod,
        'E_NO_POD',
        `What answers at ${this.url} is not the ops server of a pod: that address may belong to another program.`,
      );
    }
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { cause, name, message } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === 'TimeoutError') return `no answer in ${timeoutMs / 1_000} s`;
  return cause?.code ?? cause?.message ?? message;
}
