// What the bus suite asks of a Socket.IO server, whether the server is in the test's process or in one of its own.
// Plain JavaScript, since worker processes run it without a build.
const operations = {
  emit: (io, { nsp = '/', rooms = [], except = [], flags = {}, event, args = [] }) => {
    operator(io.of(nsp), rooms, except, flags).emit(event, ...args);
  },
  emitAlone: (io, { id, event, args }) => {
    io.sockets.sockets.get(id).emit(event, ...args);
  },
  /** Several messages in one tick. */
  emitEach: (io, { rooms, event, messages }) => {
    for (const args of messages) io.to(rooms).emit(event, ...args);
  },
  recoveryCounts: (io) => {
    const { recovered, failedByReason } = io.fleet.counters.recovery;
    return { recovered, failedByReason: Object.fromEntries(failedByReason) };
  },
  /** Every connection takes so long from now on. */
  delayConnections: (io, { ms }) => {
    io.connectionDelayMs = ms;
    if (io.isDelayed) return;
    io.isDelayed = true;
    io.use((_socket, next) => setTimeout(next, io.connectionDelayMs));
  },
  emitSeveral: (io, { messages }) => {
    for (const { rooms, event } of messages) io.to(rooms).emit(event);
  },
  /** `count` numbered messages in one tick. */
  emitBurst: (io, { rooms, except = [], event, run, origin, count }) => {
    for (let index = 0; index < count; index++) operator(io, rooms, except, {}).emit(event, run, origin, index);
  },
  /** Numbered messages, one every so often, until `stopTraffic`. */
  startTraffic: (io, { rooms, event, origin, everyMs }) => {
    io.traffic = { sentAt: [] };
    io.traffic.timer = setInterval(() => {
      io.to(rooms).emit(event, origin, io.traffic.sentAt.length);
      io.traffic.sentAt.push(Date.now());
    }, everyMs);
  },
  trafficSent: (io) => io.traffic.sentAt.length,
  /** When each message was sent. */
  stopTraffic: (io) => {
    clearInterval(io.traffic.timer);
    return io.traffic.sentAt;
  },
  emitTwiceAndLeave: (io, { id, room, event }) => {
    const socket = io.sockets.sockets.get(id);
    io.to(room).emit(event, 1);
    socket.leave(room);
    io.to(room).emit(event, 2);
  },
  emitWithAck: async (io, { nsp = '/', rooms = [], except = [], flags = {}, timeout, event, args = [] }) => {
    try {
      return {
        responses: await operator(io.of(nsp), rooms, except, flags)
          .timeout(timeout)
          .emitWithAck(event, ...args),
      };
    } catch (error) {
      return { error: error.message, responses: error.responses };
    }
  },
  fetchSockets: async (io, { nsp = '/', rooms = [], except = [], flags = {}, timeout }) => {
    let target = operator(io.of(nsp), rooms, except, flags);
    if (timeout) target = target.timeout(timeout);
    try {
      const sockets = await target.fetchSockets();
      return {
        sockets: sockets.map(({ id, rooms: joined, data, handshake }) => ({
          id,
          rooms: [...joined],
          data,
          address: handshake.address,
          query: handshake.query,
        })),
      };
    } catch (error) {
      return {
        error: error.message,
        code: error.code,
        silent: error.silent,
        responses: error.responses?.map((socket) => socket.id),
      };
    }
  },
  /** Keeps the process busy for so long, and asks before it has read what has arrived meanwhile. */
  fetchSocketsAfterPause: async (io, { pauseMs, timeout }) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
    await new Promise((resolve) => setTimeout(resolve, 0));
    return operations.fetchSockets(io, { timeout });
  },
  setData: (io, { id, data }) => {
    io.sockets.sockets.get(id).data = data;
  },
  // The adapter's methods, since the operator's return nothing and a test wants to know when it has happened everywhere.
  socketsJoin: (io, { rooms = [], except = [], flags = {}, join }) =>
    io.of('/').adapter.addSockets({ rooms: new Set(rooms), except: new Set(except), flags }, join),
  socketsJoinThenEmit: (io, { rooms, join, event }) => {
    io.in(rooms).socketsJoin(join);
    io.to(join).emit(event);
  },
  socketsLeave: (io, { rooms = [], except = [], flags = {}, leave }) =>
    io.of('/').adapter.delSockets({ rooms: new Set(rooms), except: new Set(except), flags }, leave),
  disconnectSockets: (io, { rooms = [], except = [], close }) =>
    operator(io, rooms, except, {}).disconnectSockets(close),
  emitThenDisconnect: (io, { event }) => {
    io.emit(event);
    io.disconnectSockets(true);
  },
  remoteEmitWithAck: async (io, { id, event, args }) => {
    const [socket] = await io.in(id).fetchSockets();
    return socket.timeout(5_000).emitWithAck(event, ...args);
  },
  joinAnywhere: (io, { target, rooms }) => io.of('/').adapter.joinAnywhere(target, rooms),
  leaveAnywhere: (io, { target, rooms }) => io.of('/').adapter.leaveAnywhere(target, rooms),
  leaveAllAnywhere: (io, { target }) => io.of('/').adapter.leaveAllAnywhere(target),
  listen: (io, { nsp = '/', event, answer }) => {
    io.of(nsp).on(event, (...args) => {
      const callback = args[args.length - 1];
      io.heardEvents.add(event);
      io.heard.push(args.filter((arg) => typeof arg !== 'function'));
      if (typeof callback === 'function' && answer !== undefined) callback(answer);
    });
  },
  heard: (io, { event }) => (event && !io.heardEvents.has(event) ? [] : io.heard),
  closeAdapter: (io, { nsp }) => io.of(nsp).adapter.close(),
  serverSideEmit: (io, { event, args = [] }) => {
    io.serverSideEmit(event, ...args);
  },
  serverSideEmitWithAck: (io, { nsp = '/', event, args = [] }) =>
    new Promise((resolve) =>
      io
        .of(nsp)
        .serverSideEmit(event, ...args, (error, responses) =>
          resolve({ error: error ? error.message : null, responses }),
        ),
    ),
  serverCount: (io) => io.of('/').adapter.serverCount(),
  localRooms: (io) => [...io.of('/').adapter.rooms.keys()],
  table: (io) => io.fleet.table(),
  dropped: (io) => Object.fromEntries(io.fleet.counters.droppedByReason),
  hubDropped: (io) => io.fleet.call('fleet', 'dropped', []),
  ready: (io) => io.fleet.ready(),
  linkStatus: (io) => io.fleet.call('fleet', 'link', []),
  linkChanges: (io) => io.linkChanges,
  /** What would grow if something were not given back. */
  holdings: (io) => ({
    timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    rooms: io.of('/').adapter.rooms.size,
    openQuestions: io.fleet.openQuestions,
    fleetListeners: io.of('/').adapter.eventNames().length,
  }),
  /** Bytes of live objects. */
  heapUsed: () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  },
  rememberSockets: (io) => {
    io.remembered = [...io.sockets.sockets.values()].map((socket) => new WeakRef(socket));
    return io.remembered.length;
  },
  /** How many of those that were remembered something still holds. */
  socketsHeld: (io) => {
    collectGarbage();
    return io.remembered.filter((reference) => reference.deref()).length;
  },
};

function collectGarbage() {
  require('node:v8').setFlagsFromString('--expose-gc');
  require('node:vm').runInNewContext('gc')();
}

function operator(target, rooms, except, flags) {
  let result = target;
  if (rooms.length > 0) result = result.to(rooms);
  if (except.length > 0) result = result.except(except);
  if (flags.local) result = result.local;
  if (flags.volatile) result = result.volatile;
  return result;
}

/** What the suite's clients may ask of the server they are connected to. */
function installClientEvents(io) {
  io.heard = [];
  io.heardEvents = new Set();
  io.of('/custom');
  io.linkChanges = [];
  io.fleet?.onLinkChange((up) => io.linkChanges.push(up));
  io.on('connection', (socket) => {
    socket.on('join', (rooms, callback) => Promise.resolve(socket.join(rooms)).then(() => callback?.()));
    socket.on('leave', (room, callback) => Promise.resolve(socket.leave(room)).then(() => callback?.()));
    // As an application does that joins without a callback and answers when the hook lets it.
    socket.on('join-then-answer', async (room, callback) => {
      socket.join(room);
      await io.of('/').adapter.pendingJoins(socket.id);
      callback();
    });
    socket.on('emit-then-ack', (room, event, callback) => {
      io.to(room).emit(event);
      callback();
    });
  });
}

module.exports = { operations, installClientEvents };
