let known;

module.exports = {
  friendlyName: 'This worker',
  description: 'Tell which worker of which pod this process is.',

  fn: async () => {
    if (!known) {
      const { self } = await sails.sockets.fleet();
      known = { pod: self.pod, worker: self.worker };
    }
    return known;
  },
};
