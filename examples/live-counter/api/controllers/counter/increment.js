module.exports = {
  friendlyName: 'Increment the counter',

  fn: async () => {
    await Visit.create({ timestamp: Date.now() });
    const count = await Visit.count();

    // To every watcher, whichever worker holds its connection. `from` is only there for the page to show.
    sails.sockets.broadcast('counter-watchers', 'counterUpdated', { count, from: await sails.helpers.thisWorker() });

    return { count };
  },
};
