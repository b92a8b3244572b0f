import type { Answer, Ask, Part } from '../protocol';

/** What a collector gathers for, and where it sends what it has. */
export interface CollectorOutput {
  onPart(part: Part['part']): void;
  onDone(answers: unknown[], silent: string[]): void;
}

/**
 * Gathers the answers of several responders to one question. A responder that goes away counts as one that had
 * nothing to say; one that is silent at the deadline is named.
 */
export class Collector<Responder> {
  readonly #waitingFor: Set<Responder>;
  readonly #uncounted: Set<Responder>;
  readonly #answers: unknown[] = [];
  readonly #silent: string[] = [];
  readonly #timer: NodeJS.Timeout;
  #count = 0;
  #countSent = false;
  #done = false;
  #expectsMore = false;

  constructor(
    readonly ask: Ask,
    responders: Iterable<Responder>,
    private readonly nameOf: (responder: Responder) => string,
    private readonly output: CollectorOutput,
  ) {
    this.#waitingFor = new Set(responders);
    this.#uncounted = new Set(this.#waitingFor);
    this.#timer = setTimeout(() => this.#finish(), ask.deadlineMs);
  }

  /** From now on it is not complete before `noMore()`: responders may turn up that nobody knows of yet. */
  expectMore(): void {
    this.#expectsMore = true;
  }

  /** A responder that the question has reached although it was not known. Only while more are expected. */
  add(responder: Responder): void {
    if (!this.#expectsMore || this.#done) return;
    this.#waitingFor.add(responder);
    this.#uncounted.add(responder);
  }

  noMore(): void {
    if (!this.#expectsMore) return;
    this.#expectsMore = false;
    this.start();
  }

  /** Starts judging completeness; call it once the question has been sent. */
  start(): void {
    this.#sendCountIfComplete();
    this.#finishIfComplete();
  }

  part(responder: Responder, part: Part['part']): void {
    if (!this.#waitingFor.has(responder)) return;
    if (!('count' in part)) {
      this.output.onPart(part);
      return;
    }
    if (this.#uncounted.delete(responder)) this.#count += part.count;
    this.#sendCountIfComplete();
  }

  answer(responder: Responder, answer: Answer): void {
    if (!this.#waitingFor.delete(responder)) return;
    this.#answers.push(...answer.answers);
    this.#silent.push(...answer.silent);
    this.#withoutMoreCountsFrom(responder);
  }

  /** The responder is gone. */
  left(responder: Responder): void {
    if (!this.#waitingFor.delete(responder)) return;
    this.#withoutMoreCountsFrom(responder);
  }

  /** The responder can't be reached any more: what it would have said is missing. */
  lost(responder: Responder): void {
    if (!this.#waitingFor.delete(responder)) return;
    this.#silent.push(this.nameOf(responder));
    this.#withoutMoreCountsFrom(responder);
  }

  /** Nobody needs the answer any more. */
  cancel(): void {
    this.#done = true;
    clearTimeout(this.#timer);
  }

  #withoutMoreCountsFrom(responder: Responder): void {
    this.#uncounted.delete(responder);
    this.#sendCountIfComplete();
    this.#finishIfComplete();
  }

  #sendCountIfComplete(): void {
    if (this.ask.question.name !== 'broadcastWithAck' || this.#countSent || this.#uncounted.size > 0) return;
    if (this.#expectsMore) return;
    this.#countSent = true;
    this.output.onPart({ count: this.#count });
  }

  #finishIfComplete(): void {
    if (this.#waitingFor.size === 0 && !this.#expectsMore) this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    for (const responder of this.#waitingFor) this.#silent.push(this.nameOf(responder));
    this.output.onDone(this.#answers, this.#silent);
  }
}
