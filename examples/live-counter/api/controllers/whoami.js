module.exports = {
  friendlyName: 'Who am I',
  description: 'Tell which process serves this request, and who is logged in.',

  fn: async function () {
    const { userId } = this.req.session;
    const user = userId ? await User.findOne({ id: userId }) : undefined;

    return {
      ...(await sails.helpers.thisWorker()),
      pid: process.pid,
      transport: this.req.isSocket ? 'socket' : 'http',
      user: user || null,
    };
  },
};
