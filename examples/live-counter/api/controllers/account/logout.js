module.exports = {
  friendlyName: 'Log out',

  fn: async function () {
    delete this.req.session.userId;
    return {};
  },
};
