module.exports = {
  friendlyName: 'Join a load test room',
  description: 'From now on push what is sent to this room to this socket.',

  inputs: {
    room: { type: 'string', required: true, maxLength: 200 },
  },

  exits: {
    notASocket: { responseType: 'badRequest' },
  },

  fn: async function ({ room }) {
    if (!this.req.isSocket) throw { notASocket: 'This endpoint requires a WebSocket connection' };

    sails.sockets.join(this.req, room);
    return { room };
  },
};
