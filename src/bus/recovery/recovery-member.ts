import type { BusCounters } from '../counters';
import type { BusLog } from '../fleet';
import type { Message } from '../protocol';

/** What of a process' membership recovery relies on. */
export interface RecoveryMember {
  /** Unique in the fleet. */
  readonly uid: string;
  readonly counters: BusCounters;
  readonly log: BusLog;
  /** Sends a message that is of no use to another hub than the present one. Returns whether there is one. */
  sendNow(message: Message): boolean;
}
