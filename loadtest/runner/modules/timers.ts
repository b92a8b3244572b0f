import type { VirtualUser } from '../virtual-user';

type Callback = (...args: unknown[]) => void;

/** `k6/timers`, which are global in k6 as well. */
export function timersModule(vu: VirtualUser) {
  const ends = new Map<number, () => void>();
  let last = 0;

  const start = (callback: Callback, delayMs: number, args: unknown[], repeat: boolean): number => {
    last += 1;
    const id = last;
    const timer = repeat
      ? setInterval(() => vu.callback(() => callback(...args)), Math.max(1, delayMs))
      : setTimeout(
          () => {
            vu.callback(() => callback(...args));
            stop(id);
          },
          Math.max(0, delayMs || 0),
        );
    const over = vu.work.begin(() => stop(id));
    ends.set(id, () => {
      clearTimeout(timer);
      over();
    });
    return id;
  };
  const stop = (id: number | undefined): void => {
    if (id === undefined) return;
    const end = ends.get(id);
    ends.delete(id);
    end?.();
  };

  return {
    setTimeout: (callback: Callback, delayMs: number, ...args: unknown[]) => start(callback, delayMs, args, false),
    setInterval: (callback: Callback, delayMs: number, ...args: unknown[]) => start(callback, delayMs, args, true),
    clearTimeout: stop,
    clearInterval: stop,
  };
}
