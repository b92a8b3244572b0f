import type { EncodedPacket } from '../payload';

/** A broadcast of this worker. */
export interface OwnMessage {
  seq: number;
  rooms: string[];
  except: string[];
  encoded: EncodedPacket;
  offset: string;
}

/**
 * This worker's own broadcasts while a client is being resumed: what the hub has not got at the cut is neither among what
 * the client missed nor delivered to it live.
 */
export class OwnMessages {
  #messages: OwnMessage[] = [];
  #resumes = 0;

  get isWanted(): boolean {
    return this.#resumes > 0;
  }

  add(message: OwnMessage): void {
    this.#messages.push(message);
  }

  /** Called before the hub is asked for a session. */
  begin(): void {
    this.#resumes += 1;
  }

  end(): void {
    this.#resumes -= 1;
    if (this.#resumes === 0) this.#messages = [];
  }

  /** The broadcasts to a member of these rooms that come after one. */
  after(seq: number, memberOf: Set<string>): OwnMessage[] {
    return this.#messages.filter(
      (message) =>
        message.seq > seq &&
        (message.rooms.length === 0 || message.rooms.some((room) => memberOf.has(room))) &&
        !message.except.some((room) => memberOf.has(room)),
    );
  }
}
