import { BUILT_IN_METRICS, type MetricDefinition } from '../metric-kinds';
import type { Tags } from '../tag-filter';
import type { VirtualUser } from '../virtual-user';

const CHECKS = BUILT_IN_METRICS.find(({ name }) => name === 'checks') as MetricDefinition;

/** `k6` itself. */
export function coreModule(vu: VirtualUser) {
  const check = <T>(value: T, sets: Record<string, unknown>, tags: Tags = {}): boolean => {
    let all = true;
    for (const [name, set] of Object.entries(sets)) {
      const outcome: unknown = typeof set === 'function' ? set(value) : set;
      if (outcome instanceof Promise) throw new TypeError(`check "${name}": its function must not be async`);
      const passed = Boolean(outcome);
      vu.sample(CHECKS, passed ? 1 : 0, { ...tags, check: name });
      vu.driver.check(name, vu.groupPath, passed);
      all &&= passed;
    }
    return all;
  };

  const group = <T>(name: string, call: () => T): T => {
    const outer = vu.groupPath;
    vu.groupPath = `${outer}::${name}`;
    try {
      const result = call();
      if (result instanceof Promise) throw new TypeError(`group "${name}": its function must not be async`);
      return result;
    } finally {
      vu.groupPath = outer;
    }
  };

  const sleep = (seconds: number): void => {
    if (vu.phase === 'vu') {
      throw new Error(
        'sleep() stops all that happens in a virtual user, pongs too: wait with setTimeout and a promise',
      );
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  };

  const fail = (message?: string): never => {
    throw new Error(message ?? 'fail() was called');
  };

  return { check, group, sleep, fail };
}
