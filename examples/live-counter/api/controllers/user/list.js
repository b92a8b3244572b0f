const USERS_SHOWN = 50;

module.exports = {
  friendlyName: 'List users',
  description: 'Answer with the users, and from now on push what changes about them to this socket.',

  fn: async function () {
    if (this.req.isSocket) sails.sockets.join(this.req, 'user-list');

    const users = await User.find().sort('updatedAt DESC').limit(USERS_SHOWN);
    if (this.req.isSocket)
      User.subscribe(
        this.req,
        users.map((user) => user.id),
      );

    return { users };
  },
};
