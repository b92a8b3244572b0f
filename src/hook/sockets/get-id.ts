import { parseSocket } from './parse-socket';

/** The id of the socket behind a socket or a virtual request, else `undefined`. */
export function getId(socketOrRequest: unknown): string | undefined {
  return parseSocket(socketOrRequest)?.id;
}
