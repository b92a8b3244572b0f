module.exports = {
  friendlyName: 'Log in',
  description: 'Log in with a name only, over HTTP. The sockets of the same browser share the session from then on.',

  inputs: {
    name: { type: 'string', required: true, maxLength: 32 },
  },

  exits: {
    blank: { responseType: 'badRequest' },
  },

  fn: async function ({ name }) {
    const displayName = name.trim();
    if (!displayName) throw { blank: 'A name needs some letters' };

    const user = await findOrCreate(displayName);
    this.req.session.userId = user.id;
    return { user };
  },
};

async function findOrCreate(displayName) {
  const name = displayName.toLowerCase();
  const existing = await User.findOne({ name });
  if (existing) return existing;

  try {
    const user = await User.create({ name, displayName }).fetch();
    // Nobody is subscribed to a record that is new: the lists fetch it, and subscribe to it so.
    sails.sockets.broadcast('user-list', 'userCreated', { id: user.id });
    return user;
  } catch (error) {
    // Another worker was quicker with the same name.
    if (error.code === 'E_UNIQUE') return User.findOne({ name });
    throw error;
  }
}
