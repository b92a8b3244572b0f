import type { MetricDefinition, MetricType } from '../metric-kinds';
import type { Tags } from '../tag-filter';
import type { VirtualUser } from '../virtual-user';

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/;

/** `k6/metrics`. */
export function metricsModule(vu: VirtualUser) {
  class Metric {
    readonly #definition: MetricDefinition;

    constructor(type: MetricType, name: string, isTime: boolean) {
      if (vu.phase !== 'init')
        throw new Error(`metric "${name}": metrics are made when the script is loaded, not later`);
      if (!NAME.test(name)) throw new Error(`metric "${name}": letters, digits and _ only, and a letter or _ first`);
      this.#definition = { name, type, contains: isTime ? 'time' : 'default' };
      vu.driver.collector.define(this.#definition);
    }

    add(value: number | boolean, tags?: Record<string, unknown>): void {
      const number = Number(value);
      if (!Number.isFinite(number)) {
        vu.driver.log('warn', `metric "${this.#definition.name}": ${String(value)} is no number, left out`);
        return;
      }
      vu.sample(this.#definition, number, tags ? stringTags(tags) : undefined);
    }
  }

  return {
    Counter: class Counter extends Metric {
      constructor(name: string, isTime = false) {
        super('counter', name, isTime);
      }
    },
    Gauge: class Gauge extends Metric {
      constructor(name: string, isTime = false) {
        super('gauge', name, isTime);
      }
    },
    Rate: class Rate extends Metric {
      constructor(name: string, isTime = false) {
        super('rate', name, isTime);
      }
    },
    Trend: class Trend extends Metric {
      constructor(name: string, isTime = false) {
        super('trend', name, isTime);
      }
    },
  };
}

export function stringTags(tags: Record<string, unknown>): Tags {
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, String(value)]));
}
