import type { HookRuntime } from '../runtime';
import { makeAddRoomMembersToRooms } from './add-room-members-to-rooms';
import { makeBlast } from './blast';
import { makeBroadcast } from './broadcast';
import { DEFAULT_EVENT_NAME } from './default-event-name';
import { makeDisconnectSession } from './disconnect-session';
import { makeFleet } from './fleet';
import { makeGet } from './get';
import { getId } from './get-id';
import { makeJoin } from './join';
import { makeLeave } from './leave';
import { makeLeaveAll } from './leave-all';
import { parseSocket } from './parse-socket';
import { makeRemoveRoomMembersFromRooms } from './remove-room-members-from-rooms';

/** Makes `sails.sockets`. */
export function makeSailsSockets(runtime: HookRuntime) {
  return {
    DEFAULT_EVENT_NAME,
    blast: makeBlast(runtime),
    join: makeJoin(runtime),
    leave: makeLeave(runtime),
    broadcast: makeBroadcast(runtime),
    get: makeGet(runtime),
    getId,
    parseSocket,
    addRoomMembersToRooms: makeAddRoomMembersToRooms(runtime),
    removeRoomMembersFromRooms: makeRemoveRoomMembersFromRooms(runtime),
    leaveAll: makeLeaveAll(runtime),
    disconnectSession: makeDisconnectSession(runtime),
    fleet: makeFleet(runtime),
    /** Does nothing; kept because sails-hook-sockets has it. */
    publishToFirehose(): void {},
  };
}

/** `sails.sockets`. */
export type SailsSockets = ReturnType<typeof makeSailsSockets>;
