module.exports = {
  friendlyName: 'Send a chat message',

  inputs: {
    text: { type: 'string', required: true, maxLength: 500 },
  },

  exits: {
    blank: { responseType: 'badRequest' },
    loggedOut: { responseType: 'unauthorized' },
  },

  fn: async function ({ text }) {
    const trimmed = text.trim();
    if (!trimmed) throw { blank: 'A message needs some text' };

    const user = await User.findOne({ id: this.req.session.userId });
    if (!user) throw 'loggedOut';

    const message = await Message.create({ author: user.displayName, text: trimmed }).fetch();
    sails.sockets.broadcast('chat', 'chatMessage', message);
    return message;
  },
};
