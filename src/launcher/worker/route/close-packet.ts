import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Answers a poll whose session's worker is gone with an Engine.IO close packet: the client reconnects at once, where a 400
 * would be an error to it and to every proxy in between.
 */
export function answerWithClosePacket(request: IncomingMessage, response: ServerResponse): void {
  const query = new URLSearchParams(request.url?.split('?')[1]);
  // protocol 3 writes the length before each packet
  const packet = query.get('EIO') === '3' ? '1:1' : '1';
  const callback = query.get('j')?.replace(/\D/g, '');
  const body = callback ? `___eio[${callback}](${JSON.stringify(packet)});` : packet;
  const type = callback ? 'text/javascript' : 'text/plain';
  // what the client still sends is of no use to anybody
  request.resume();
  response.writeHead(200, {
    'Content-Type': `${type}; charset=UTF-8`,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...corsHeaders(request),
  });
  response.end(body);
}

/** Engine.IO grants origins before it looks for the session, which this client was granted; this answer has nothing to hide. */
function corsHeaders(request: IncomingMessage): Record<string, string> {
  const { origin } = request.headers;
  if (!origin) return {};
  return { 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', Vary: 'Origin' };
}
