/** Settings of connection state recovery, for each namespace. */
export interface RecoverySettings {
  /** A client that has been away for longer gets a fresh socket, in milliseconds. Default 120000. */
  maxDisconnectionDurationMs: number;
  /** So many of the latest messages are kept. Default 50000. */
  maxMessages: number;
  /** So many bytes of the latest messages are kept. Default 32 MiB. */
  maxBytes: number;
}

export const DEFAULT_RECOVERY_SETTINGS: RecoverySettings = {
  maxDisconnectionDurationMs: 120_000,
  maxMessages: 50_000,
  maxBytes: 32 * 1024 * 1024,
};
