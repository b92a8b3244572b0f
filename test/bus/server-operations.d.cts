import type { Server } from 'socket.io';

export const operations: Record<string, (io: Server, args: object) => unknown>;
export function installClientEvents(io: Server): void;
