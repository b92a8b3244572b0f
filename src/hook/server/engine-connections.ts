import { OutstandingWork } from '../outstanding-work';
import type { HookRuntime } from '../runtime';

/** Engine.IO's connection. */
export interface EngineConnection {
  /** Of Engine.IO: 3 or 4. */
  protocol: number;
  transport: { name: string };
  /** Whether it is on its way to another transport. */
  upgrading?: boolean;
  writeBuffer: unknown[];
  /** Closes once everything is sent; with `discard`, now. */
  close(discard?: boolean): void;
  once(event: 'close', listener: () => void): void;
}

/** The connections of this process' clients. */
export function openConnections(runtime: HookRuntime): EngineConnection[] {
  const { clients } = runtime.io.engine as unknown as { clients: Record<string, EngineConnection> };
  return Object.values(clients);
}

/** Ends connections in the way that clients come back from; what is still to be sent has this long. */
export async function closeConnections(connections: EngineConnection[], flushLimitMs: number): Promise<void> {
  const closing = new OutstandingWork();
  const open = new Set(connections);
  for (const connection of connections) {
    const closed = closing.begin();
    connection.once('close', () => {
      open.delete(connection);
      closed();
    });
    connection.close(connection.writeBuffer.length === 0);
  }
  await closing.settleWithin(flushLimitMs);
  for (const connection of open) connection.close(true);
}
