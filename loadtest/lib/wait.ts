import { clearTimeout, setTimeout } from 'k6/timers';

/** Settles after a time, while the event loop (and with it the heartbeat of the sockets) goes on. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(), Math.max(0, ms));
  });
}

/** What the promise settles with, or undefined when it has not settled in time. */
export function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    // Cleared, since a timer that is left over keeps the iteration running.
    const timer = setTimeout(() => resolve(undefined), Math.max(0, ms));
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
