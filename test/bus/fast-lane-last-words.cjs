// A server that says something to its first client, and ends in the same tick.
const { createServer } = require('node:http');
const { Server } = require('socket.io');
const { createAdapter } = require('../../dist/bus/create-adapter');

const http = createServer();
const io = new Server(http, { adapter: createAdapter(), serveClient: false });
io.on('connection', () => {
  // The packet that opens the connection is still on its way in this tick.
  setImmediate(() => {
    io.emit('last words');
    process.exit();
  });
});
http.listen(0, '127.0.0.1', () => process.send(http.address().port));
