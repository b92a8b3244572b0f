import { SailsSocket } from '../../../loadtest/lib/sails-socket.ts';

export default async function (): Promise<void> {
  const socket = new SailsSocket({ url: __ENV.TARGET ?? '', reconnect: { minMs: 50, maxMs: 100 } });
  const back = new Promise<void>((resolve) => {
    socket.onReconnect = ({ gapMs, attempts }) => {
      console.log(`back after ${gapMs} ms, attempt ${attempts}`);
      resolve();
    };
  });
  await socket.connect();
  await socket.post('/loadtest/rooms/one/join');
  await back;
  await socket.get('/loadtest/rooms/one');
  socket.close();
}
