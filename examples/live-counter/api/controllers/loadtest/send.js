module.exports = {
  friendlyName: 'Send to a load test room',
  description: 'Broadcast the request body, as it is, to everyone in the room.',

  inputs: {
    room: { type: 'string', required: true, maxLength: 200 },
  },

  fn: async function ({ room }) {
    sails.sockets.broadcast(room, 'loadtestMessage', this.req.body);
    return {};
  },
};
