import { Script as VmScript } from 'node:vm';
import { coreModule } from './modules/core';
import { dataModule } from './modules/data';
import { encodingModule } from './modules/encoding';
import { executionModule } from './modules/execution';
import { httpModule } from './modules/http';
import { metricsModule } from './modules/metrics';
import { SyncExchanger } from './modules/sync-exchange';
import { timersModule } from './modules/timers';
import { websocketsModule } from './modules/websockets';
import { type Exports, SCRIPT_FRAME, type VirtualUser } from './virtual-user';

/**
 * What k6's runtime does not have. A script that uses one of them fails here as it would there.
 * `console` and the timers are handed in instead.
 */
const ABSENT = [
  'process',
  'Buffer',
  'global',
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
  'structuredClone',
  'fetch',
  'Request',
  'Response',
  'Headers',
  'FormData',
  'URL',
  'URLSearchParams',
  'AbortController',
  'AbortSignal',
  'Event',
  'EventTarget',
  'MessageChannel',
  'BroadcastChannel',
  'WebSocket',
  'performance',
  'navigator',
  'atob',
  'btoa',
  'TextEncoder',
  'TextDecoder',
  'Blob',
  'Intl',
  'WeakRef',
  'FinalizationRegistry',
  'SharedArrayBuffer',
  'Atomics',
  'WebAssembly',
];

const PARAMETERS = [
  'require',
  'module',
  'exports',
  '__ENV',
  '__VU',
  'console',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  ...ABSENT,
];

type ScriptFunction = (...parameters: unknown[]) => void;

/** A bundled script, compiled once, that every virtual user runs in a copy of its own. */
export class Script {
  readonly #compiled: VmScript;
  readonly #shared = new Map<string, readonly unknown[]>();
  #exchanger: SyncExchanger | undefined;

  /** @param bundle CommonJS with `k6` modules left to `require` */
  constructor(bundle: string, name: string) {
    this.#compiled = new VmScript(`(function (${PARAMETERS.join(', ')}) {${bundle}\n})`, {
      filename: `${SCRIPT_FRAME}${name}`,
    });
  }

  /**
   * Runs the script's top level for a virtual user.
   * @throws what the script throws, or an Error naming a module that this runner lacks
   */
  load(vu: VirtualUser, env: Record<string, string | undefined>): Exports {
    const timers = timersModule(vu);
    const makers: Record<string, () => unknown> = {
      k6: () => coreModule(vu),
      'k6/http': () => httpModule(vu, () => this.#synchronous()),
      'k6/websockets': () => websocketsModule(vu),
      'k6/metrics': () => metricsModule(vu),
      'k6/execution': () => executionModule(vu),
      'k6/timers': () => timers,
      'k6/data': () => dataModule(this.#shared),
      'k6/encoding': () => encodingModule(),
    };
    const made = new Map<string, unknown>();
    const require = (name: string): unknown => {
      const make = makers[name];
      if (!make) throw new Error(`this runner has no module "${name}"; it has ${Object.keys(makers).join(', ')}`);
      if (!made.has(name)) made.set(name, make());
      return made.get(name);
    };
    const module = { exports: {} as Exports };
    const call = this.#compiled.runInThisContext() as ScriptFunction;
    const { setTimeout, clearTimeout, setInterval, clearInterval } = timers;
    call(
      require,
      module,
      module.exports,
      env,
      vu.id,
      consoleOf(vu),
      setTimeout,
      clearTimeout,
      setInterval,
      clearInterval,
    );
    return module.exports;
  }

  async close(): Promise<void> {
    await this.#exchanger?.close();
  }

  #synchronous(): SyncExchanger {
    this.#exchanger ??= new SyncExchanger();
    return this.#exchanger;
  }
}

function consoleOf(vu: VirtualUser) {
  const write =
    (level: 'info' | 'warn' | 'error') =>
    (...values: unknown[]) =>
      vu.driver.log(
        level,
        values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(' '),
      );
  return { log: write('info'), info: write('info'), debug: write('info'), warn: write('warn'), error: write('error') };
}
