// One Socket.IO server in a process of its own, driven by the bus suite over IPC.
const { createServer } = require('node:http');
const { Server } = require('socket.io');
// Stands in for a later release: what it sends has another version, and what it gets is strange to it.
if (process.env.TEST_PROTOCOL_VERSION) {
  require('../../dist/bus/protocol').PROTOCOL_VERSION = Number(process.env.TEST_PROTOCOL_VERSION);
}
const { createAdapter } = require('../../dist/bus/create-adapter');
const { operations, installClientEvents } = require('./server-operations.cjs');

const httpServer = createServer();
const quietLog = { debug() {}, info() {}, warn() {}, error: (message) => console.error(message) };
const adapter = createAdapter({
  electedHubPath: process.env.TEST_ELECTED_HUB,
  redis: process.env.TEST_REDIS,
  link: process.env.TEST_LINK,
  connectionStateRecovery: process.env.TEST_RECOVERY && JSON.parse(process.env.TEST_RECOVERY),
  log: quietLog,
});
const io = new Server(httpServer, { adapter, allowEIO3: true });
io.fleet = adapter.fleet;
tagSocketIds(io);
installClientEvents(io);

// The hook renames sockets so that their ids name their owner; here the suite does the same with the same ids.
function tagSocketIds(server) {
  const { generateOwnedId } = require('../../dist/bus/ids');
  const namespace = server.of('/');
  const create = namespace._createSocket.bind(namespace);
  namespace._createSocket = async (client, auth) => {
    const socket = await create(client, auth);
    if (!socket.recovered) socket.id = generateOwnedId(adapter.fleet.identity);
    return socket;
  };
}

process.on('message', async ({ id, name, args }) => {
  try {
    process.send({ id, value: await operations[name](io, args) });
  } catch (error) {
    process.send({ id, error: error.stack });
  }
});
process.on('disconnect', () => process.exit());

httpServer.listen({ port: 0, host: '127.0.0.1', exclusive: true }, async () => {
  await adapter.fleet.ready();
  process.send({ ready: true, port: httpServer.address().port });
});
