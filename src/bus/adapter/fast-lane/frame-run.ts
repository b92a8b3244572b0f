/**
 * Frames that leave together. Sockets that get the same ones in the same order share a run, and so the bytes: those of one
 * tick are joined once, not once a socket.
 */
export class FrameRun {
  /** In bytes. */
  readonly length: number;
  #bytes: Buffer | undefined;
  #next: FrameRun | undefined;

  constructor(
    readonly frame: Buffer,
    private readonly before?: FrameRun,
  ) {
    this.length = frame.length + (before?.length ?? 0);
  }

  /** The run with one more frame. */
  append(frame: Buffer): FrameRun {
    if (this.#next?.frame !== frame) this.#next = new FrameRun(frame, this);
    return this.#next as FrameRun;
  }

  get bytes(): Buffer {
    this.#bytes ??= this.before ? Buffer.concat(this.#frames(), this.length) : this.frame;
    return this.#bytes;
  }

  #frames(): Buffer[] {
    const frames: Buffer[] = [];
    for (let run: FrameRun | undefined = this; run; run = run.before) frames.push(run.frame);
    return frames.reverse();
  }
}
