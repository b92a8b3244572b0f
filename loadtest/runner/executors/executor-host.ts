/** What an executor needs of the one who runs it. Virtual users are numbered from 0 within their scenario. */
export interface ExecutorHost {
  /** Runs one iteration on a virtual user; settles when it is over, well or badly. */
  iterate(vu: number): Promise<void>;
  /** Ends what a virtual user is doing. */
  interrupt(vu: number): void;
  /** Counts an iteration for which no virtual user was free. */
  drop(): void;
  /** Settles after a time, or as soon as the run is aborted. */
  sleep(ms: number): Promise<void>;
  /** Milliseconds since the scenario began. */
  elapsedMs(): number;
  readonly aborted: boolean;
}
