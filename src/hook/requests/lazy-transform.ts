import { EventEmitter } from 'node:events';
import { Transform } from 'node:stream';

/** Listeners that read a stream; others get their events without one. */
const READING_EVENTS: ReadonlySet<string | symbol> = new Set(['data', 'readable']);

/** What a class of ours adds to the stream when it is built. */
export const STREAM_BUILT = Symbol('stream built');

interface Lazy extends Transform {
  [STREAM_BUILT](): void;
}

/**
 * A Transform stream that becomes one when somebody first uses it as one: what Node keeps of a stream (`_readableState`,
 * `_writableState`) is made when it is first looked at. Making it costs more than a whole request does otherwise, and few
 * requests need it. Subclasses say in the method {@link STREAM_BUILT} what is to be done then.
 */
export const LazyTransform = makeLazyTransform();

/** Members that subclasses may replace by properties are left out. */
type LazyBase = Omit<Transform, 'write' | 'end' | '_transform'>;

function makeLazyTransform(): abstract new () => LazyBase {
  class NotYetTransform {}
  const prototype = NotYetTransform.prototype;
  Object.setPrototypeOf(prototype, Transform.prototype);
  for (const state of ['_readableState', '_writableState'] as const) {
    Object.defineProperty(prototype, state, {
      configurable: true,
      get(this: Lazy) {
        return this === (prototype as unknown) ? undefined : build(this)[state as keyof Lazy];
      },
      set(this: Lazy, value: unknown) {
        Object.defineProperty(this, state, { value, writable: true, enumerable: true, configurable: true });
      },
    });
  }
  const on = function on(this: Lazy, event: string | symbol, listener: (...args: unknown[]) => void) {
    const isStream = READING_EVENTS.has(event) || isBuilt(this);
    return (isStream ? Transform : EventEmitter).prototype.on.call(this, event, listener);
  };
  for (const name of ['on', 'addListener']) {
    Object.defineProperty(prototype, name, { value: on, writable: true, configurable: true });
  }
  // A stream's own takes for granted that its constructor has run.
  const eventNames = function eventNames(this: Lazy) {
    return (isBuilt(this) ? Transform : EventEmitter).prototype.eventNames.call(this);
  };
  Object.defineProperty(prototype, 'eventNames', { value: eventNames, writable: true, configurable: true });
  return NotYetTransform as unknown as abstract new () => LazyBase;
}

/** Whether a lazy stream is a stream by now. */
export function isBuilt(stream: object): boolean {
  return Object.hasOwn(stream, '_readableState');
}

function build(stream: Lazy): Lazy {
  // Node's stream classes can be called like functions, as subclasses of old do.
  (Transform as unknown as (this: Transform) => void).call(stream);
  stream[STREAM_BUILT]();
  return stream;
}
