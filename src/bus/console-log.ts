import type { BusLog } from './fleet';

/** Warnings and errors to the console: for parts that are used without Sails and were given no log. */
export const consoleLog: BusLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message) => console.warn(message),
  error: (message) => console.error(message),
};
