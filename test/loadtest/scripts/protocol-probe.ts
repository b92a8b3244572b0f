import { check } from 'k6';
import type { Options } from 'k6/options';
import { SailsSocket } from '../../../loadtest/lib/sails-socket.ts';

export const options: Options = {
  iterations: 1,
  thresholds: { checks: ['rate==1'], iterations: ['count==1'] },
};
export { handleSummary } from '../../../loadtest/lib/summary.ts';

export default async function (): Promise<void> {
  const socket = new SailsSocket({
    url: __ENV.TARGET ?? '',
    namespace: '/admin',
    version: __ENV.EIO === '3' ? 3 : 4,
  });
  const ended = new Promise<string>((resolve) => {
    socket.onDisconnect = resolve;
  });
  await socket.connect();

  const sent = { bytes: new Uint8Array([0, 255, 10]).buffer, list: ['é', { empty: new ArrayBuffer(0) }] };
  const [back] = (await socket.emitWithAck('echo', [sent])) as [typeof sent];
  check(back, {
    'bytes come back': ({ bytes }) => new Uint8Array(bytes).join() === '0,255,10',
    'text comes back': ({ list }) => list[0] === 'é',
    'no bytes come back': ({ list }) => (list[1] as { empty: ArrayBuffer }).empty.byteLength === 0,
  });

  const answered = new Promise<unknown>((resolve) => socket.on('answered', resolve));
  socket.on('question', (question, answer) => {
    const { bytes } = question as { bytes: ArrayBuffer };
    (answer as (value: unknown) => void)(new Uint8Array(bytes).join());
  });
  socket.emit('ask me');
  check(await answered, { 'the server got the acknowledgement': (answer) => answer === '1,2,3' });

  socket.emit('end me');
  check(await ended, { 'the server ended it': (reason) => reason === 'server disconnect' });
}
