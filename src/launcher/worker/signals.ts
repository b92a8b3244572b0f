/** Signals that reach a whole process group: Ctrl-C, systemd's default kill mode, a closed terminal. */
const GROUP_SIGNALS: ReadonlySet<string | symbol> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * From now on this process acts on its primary's word only. Whoever listens to these signals later, as Sails and apps do to
 * lower themselves, does not hear them: else each worker would end on its own, with all its clients at once.
 */
export function ignoreGroupSignals(): void {
  for (const signal of GROUP_SIGNALS) process.on(signal as NodeJS.Signals, () => {});
  process.on('newListener', (event, listener) => {
    if (GROUP_SIGNALS.has(event)) process.nextTick(() => process.removeListener(event as string, listener));
  });
}
