const MESSAGES_SHOWN = 50;

module.exports = {
  friendlyName: 'Subscribe to the chat',
  description: 'Answer with the last messages, and from now on push every new one to this socket.',

  fn: async function () {
    // Join first: a message sent meanwhile then comes twice rather than never, and the page goes by its id.
    if (this.req.isSocket) sails.sockets.join(this.req, 'chat');

    const latest = await Message.find().sort('id DESC').limit(MESSAGES_SHOWN);
    return { messages: latest.reverse() };
  },
};
