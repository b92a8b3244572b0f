// Many raw websockets that do nothing but stay: they connect, answer pings, and come back after a cut. Driven over IPC.
import WebSocket from 'ws';

const AT_ONCE = 25;
const connected = new Set();
const gaps = [];
let wanted = 0;
let urls = [];
let settle;

process.on('message', async (message) => {
  if (message.open) {
    ({ urls } = message.open);
    wanted = message.open.count;
    let left = wanted;
    const lane = async () => {
      while (left-- > 0) await connect();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    process.send({ opened: connected.size });
  }
  if (message.gaps) {
    await new Promise((done) => {
      settle = () => gaps.length >= wanted && connected.size === wanted && done();
      settle();
    });
    process.send({ gaps });
  }
});

/** Tries each address in turn until one takes the socket. As socket.io-client does: 0.5 to 1.5 s to the first try, then longer. */
async function connect(cutAt) {
  for (let attempt = 0; ; attempt += 1) {
    if (cutAt !== undefined || attempt > 0) {
      const delay = Math.min(5_000, 1_000 * 2 ** attempt) * (0.5 + Math.random());
      await new Promise((done) => setTimeout(done, delay));
    }
    // A balancer sends those who were cut elsewhere first.
    const socket = await open(urls[(attempt + (cutAt === undefined ? 0 : 1)) % urls.length]);
    if (!socket) continue;
    connected.add(socket);
    if (cutAt !== undefined) gaps.push(performance.now() - cutAt);
    socket.once('close', () => {
      connected.delete(socket);
      connect(performance.now());
    });
    settle?.();
    return;
  }
}

function open(url) {
  return new Promise((done) => {
    const socket = new WebSocket(`${url}/socket.io/?EIO=4&transport=websocket&__sails_io_sdk_version=1.2.1`, {
      perMessageDeflate: false,
    });
    socket.on('error', () => {});
    socket.once('close', () => done(undefined));
    socket.on('message', (bytes) => {
      const text = bytes.toString();
      if (text.startsWith('40')) done(socket);
      else if (text.startsWith('0')) socket.send('40');
      else if (text === '2') socket.send('3');
    });
  });
}
