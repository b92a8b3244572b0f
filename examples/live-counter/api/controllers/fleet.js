module.exports = {
  friendlyName: 'Show the fleet',
  description: 'Answer with all pods and workers. A socket gets every change too: see api/hooks/fleet-feed.',

  fn: async function () {
    if (this.req.isSocket) sails.sockets.join(this.req, 'fleet-watchers');
    return sails.sockets.fleet();
  },
};
