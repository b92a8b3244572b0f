import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { PeerAddress } from '../../bus/fleet';
import type { Owner } from '../../bus/ids';
import { ANSWER_BYTES, CHALLENGE_BYTES, DialerHandshake } from './handshake';
import type { PeerKey } from './peer-keys';
import type { PeerTls } from './peer-tls';

/**
 * How long connection and greeting may take together. Pods are near each other, but a worker under a storm of clients takes
 * seconds to answer, and its sessions live; that a pod is gone is told by the fleet.
 */
const DIAL_TIMEOUT_MS = 20_000;

/**
 * Why a worker of another pod cannot be reached. `gone`: it is no more. `silent`: it did not answer in time, and may live. `refused`: the pods have different secrets, or one of
 * both speaks TLS and the other does not. `certificate`: one of both does not accept the other's.
 */
export type DialFailure = 'gone' | 'silent' | 'refused' | 'certificate';

const NO_POD = 'does not speak as a pod of this version does';
const TLS_DIFFERS =
  'and this pod are not of one mind about TLS between pods: set --peer-tls-cert, -key and -ca (FLOTILLA_PEER_TLS_…) in all of them, or in none';

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
 * @param more.tls with what to speak TLS after the greeting, where the fleet does
 * @param more.pending holds what ends the attempt, as long as it takes: to be called when the pod has left
 * @throws DialError
 */
export function dialPeer(
  { host, port }: PeerAddress,
  owner: Owner,
  key: PeerKey,
  { tls, pending }: { tls?: PeerTls | undefined; pending?: Set<() => void> } = {},
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const handshake = new DialerHandshake(key, owner, tls !== undefined);
    const socket = connect({ host, port, noDelay: true, keepAlive: true, allowHalfOpen: true });
    const timer = setTimeout(() => fail('silent', `did not answer within ${DIAL_TIMEOUT_MS} ms`), DIAL_TIMEOUT_MS);
    let received = Buffer.alloc(0);
    let isAsked = false;

    const letGo = () => {
      clearTimeout(timer);
      pending?.delete(onLeft);
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
    const onLeft = () => fail('gone', 'left the fleet');
    pending?.add(onLeft);
    const onError = (error: Error) => fail('gone', `cannot be reached: ${error.message}`);
    const onEnd = () => fail('silent', 'closed the connection before it answered');
    const ask = () => {
      const request = handshake.request(received);
      if (!request) {
        fail('refused', handshake.isOtherwiseMinded(received) ? TLS_DIFFERS : NO_POD);
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
        if (tls) secure(socket, tls).then(resolve, (error: Error) => reject(notSecured(error, host, port)));
        else resolve(socket);
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

/**
 * Speaks TLS on a connection. The certificate must be of the fleet's own authority; pods have no names that one could check.
 * What the other side says of ours is known only when it says something: it begins with a byte.
 */
function secure(socket: Socket, tls: PeerTls): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = connectTls({ socket, ...tls, checkServerIdentity: () => undefined });
    const settle = (act: () => void) => {
      clearTimeout(timer);
      secured.removeAllListeners('data');
      secured.removeListener('close', onClose);
      secured.removeListener('error', onError);
      secured.on('error', () => {});
      act();
    };
    const fail = (error: Error) =>
      settle(() => {
        secured.destroy();
        reject(error);
      });
    const onError = (error: Error) => fail(error);
    const onClose = () => fail(new Error('it closed the connection after it had seen the certificate of this pod'));
    const timer = setTimeout(() => fail(new Error(`no answer within ${DIAL_TIMEOUT_MS} ms`)), DIAL_TIMEOUT_MS);
    secured.once('data', () => settle(() => resolve(secured)));
    secured.on('error', onError);
    secured.on('close', onClose);
  });
}

function notSecured({ message }: Error, host: string, port: number): DialError {
  return new DialError(
    'certificate',
    `${host}:${port} and this pod do not accept each other's certificates (${message}): both must be signed by --peer-tls-ca (FLOTILLA_PEER_TLS_CA), for servers and clients`,
  );
}
