module.exports = {
  friendlyName: 'Subscribe to the counter',
  description: 'Answer with the count, and from now on push every new count to this socket.',

  exits: {
    notASocket: { responseType: 'badRequest' },
  },

  fn: async function () {
    if (!this.req.isSocket) throw { notASocket: 'This endpoint requires a WebSocket connection' };

    sails.sockets.join(this.req, 'counter-watchers');
    return { count: await Visit.count() };
  },
};
