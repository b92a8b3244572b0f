module.exports = {
  friendlyName: 'Count the members of a load test room',

  inputs: {
    room: { type: 'string', required: true, maxLength: 200 },
  },

  fn: async ({ room }) => {
    // Of all workers and pods.
    const members = await sails.io.in(room).fetchSockets();
    return { members: members.length };
  },
};
