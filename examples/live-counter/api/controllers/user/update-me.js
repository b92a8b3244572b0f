module.exports = {
  friendlyName: 'Update me',
  description: 'Change the display name or the status of the user who is logged in.',

  inputs: {
    displayName: { type: 'string', minLength: 1, maxLength: 32 },
    status: { type: 'string', isIn: ['available', 'busy', 'away'] },
  },

  exits: {
    loggedOut: { responseType: 'unauthorized' },
  },

  fn: async function ({ displayName, status }) {
    const id = this.req.session.userId;
    const changes = { displayName, status };

    // Without `.fetch()`: with it the SQLite adapter reads before it writes in one transaction, which fails when another
    // worker writes in between.
    await User.update({ id }).set(changes);
    const user = await User.findOne({ id });
    if (!user) throw 'loggedOut';

    User.publish([id], { verb: 'updated', id, data: { displayName: user.displayName, status: user.status } });
    return user;
  },
};
