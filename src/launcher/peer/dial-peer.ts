import { connect, type Socket } from 'node:net';
import type { PeerAddress } from '../../bus/fleet';
import type { Owner } from '../../bus/ids';
import { ANSWER_BYTES, CHALLENGE_BYTES, DialerHandshake } from './handshake';
import type { PeerKey } from './peer-keys';

/** How long connection and greeting may take together: pods are near each other. */
const DIAL_TIMEOUT_MS = 3_000;

/** Why a worker of another pod cannot be reached. `gone`: it is no more. `refused`: the pods have different secrets. */
export type DialFailure = 'gone' | 'refused';

/** A connection to another pod that could not be made. */
export class DialError extends Error {
  override readonly name = 'DialError';

  constructor(
    readonly failure: DialFailure,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Connects to a worker of another pod. On the connection that comes back HTTP can be spoken at once.
 * @param key the key to prove
 * @throws DialError a pod that cannot be reached in time counts as gone
 */
export function dialPeer({ host, port }: PeerAddress, owner: Owner, key: PeerKey): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const handshake = new DialerHandshake(key, owner);
    const socket = connect({ host, port, noDelay: true, keepAlive: true, allowHalfOpen: true });
    const timer = setTimeout(() => fail('gone', `did not answer within ${DIAL_TIMEOUT_MS} ms`), DIAL_TIMEOUT_MS);
    let received = Buffer.alloc(0);
    let isAsked = false;

    const letGo = () => {
      clearTimeout(timer);
      socket.removeListener('data', onData);
      socket.removeListener('error', onError);
      socket.removeListener('end', onEnd);
      socket.removeListener('close', onEnd);
    };
    const fail = (failure: DialFailure, what: string) => {
      letGo();
      socket.on('error', () => {});
      socket.destroy();
      reject(new DialError(failure, `${host}:${port} ${what}`));
    };
    const onError = (error: Error) => fail('gone', `cannot be reached: ${error.message}`);
    const onEnd = () => fail('gone', 'closed the connection before it answered');
    const ask = () => {
      const request = handshake.request(received);
      if (!request) {
        fail('refused', 'does not speak as a pod of this version does');
        return;
      }
      isAsked = true;
      received = Buffer.alloc(0);
      socket.write(request);
    };
    const conclude = () => {
      const verdict = handshake.verdict(received);
      if (verdict === 'accepted') {
        letGo();
        // the close follows
        socket.on('error', () => {});
        // it goes on flowing, and nothing is lost: the worker is silent until it is asked
        resolve(socket);
      } else if (verdict === 'gone') fail('gone', 'has no such worker');
      else fail('refused', 'and this pod have different secrets (FLOTILLA_PEER_SECRET or sails.config.session.secret)');
    };
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (!isAsked && received.length >= CHALLENGE_BYTES) ask();
      else if (isAsked && received.length >= ANSWER_BYTES) conclude();
    };
    socket.on('data', onData);
    socket.on('error', onError);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
  });
}
