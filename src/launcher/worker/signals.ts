import type { SailsApp } from './sails-app';

/** Signals that reach a whole process group: Ctrl-C, systemd's default kill mode, a closed terminal. */
const GROUP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** From now on this process acts on its primary's word only. */
export function ignoreGroupSignals(): void {
  for (const signal of GROUP_SIGNALS) process.on(signal, () => {});
}

/** Takes away the listeners with which Sails would lower the app at a signal. */
export function removeSailsSignalListeners(sails: SailsApp): void {
  const listeners = sails._processListeners;
  if (listeners?.sigint) process.removeListener('SIGINT', listeners.sigint);
  if (listeners?.sigterm) process.removeListener('SIGTERM', listeners.sigterm);
}
