import { MessageKind } from '../protocol';
import type { RecoveryAnswer, RecoveryQuestion, RecoveryReply } from './messages';
import type { RecoveryMember } from './recovery-member';

/** A hub that is busy with a storm of clients answers late; one that is gone is noticed at once. */
const TIMEOUT_MS = 15_000;
const HUB_AWAY: RecoveryAnswer = { name: 'refused', reason: 'hub-away' };

interface Pending {
  onAnswer: (answer: RecoveryAnswer) => void;
  timer: NodeJS.Timeout;
}

/** Questions of a worker to the recovery of its hub. */
export class HubQuestions {
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  constructor(
    private readonly nsp: string,
    private readonly member: RecoveryMember,
    /** An answer that nobody waits for any more. */
    private readonly onLate: (answer: RecoveryAnswer) => void,
  ) {}

  /** Calls back when the answer comes, before anything that the hub has sent after it is handled. */
  ask(question: RecoveryQuestion, onAnswer: (answer: RecoveryAnswer) => void): void {
    const id = this.#nextId++;
    const timer = setTimeout(() => this.#settle(id, HUB_AWAY), TIMEOUT_MS);
    this.#pending.set(id, { onAnswer, timer });
    if (!this.member.sendNow({ kind: MessageKind.RecoveryRequest, id, nsp: this.nsp, question })) {
      this.#settle(id, HUB_AWAY);
    }
  }

  replied({ id, answer }: RecoveryReply): void {
    if (this.#pending.has(id)) this.#settle(id, answer);
    else this.onLate(answer);
  }

  /** The hub is gone, and what it was asked. */
  giveUp(): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id, HUB_AWAY);
  }

  #settle(id: number, answer: RecoveryAnswer): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    pending.onAnswer(answer);
  }
}
