import type { Server } from 'socket.io';
import { FastLane } from '../../bus/adapter/fast-lane/fast-lane';
import { listenPassively } from '../../bus/adapter/fast-lane/passive-listener';
import type { HookCounters } from '../counters';

/** Engine.IO's connection, as far as it tells of messages. */
interface EngineConnection {
  on(event: 'message', listener: () => void): void;
  on(event: 'packetCreate', listener: (packet: { type: string }) => void): void;
}

/** Counts the messages of every connection; those of broadcasts mostly take the fast lane. */
export function countMessages(counters: HookCounters, io: Server): void {
  const countIn = () => {
    counters.messagesIn += 1;
  };
  const countOut = ({ type }: { type: string }) => {
    if (type === 'message') counters.messagesOut += 1;
  };
  FastLane.of(io).onWrite = () => {
    counters.messagesOut += 1;
  };
  io.engine.on('connection', (connection: EngineConnection) => {
    connection.on('message', countIn);
    listenPassively(connection, countOut);
  });
}
