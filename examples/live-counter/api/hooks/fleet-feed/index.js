const POLL_MS = 1000;

/**
 * Pushes the table of pods and workers to the sockets in `fleet-watchers`, once a second at most, when it has changed.
 * Every worker serves the watchers it holds itself, so nobody gets it twice.
 */
module.exports = (sails) => {
  let timer;
  let lastShown = '';
  let lowering = false;

  async function push() {
    try {
      const mine = sails.io.of('/').adapter.rooms.get('fleet-watchers');
      if (mine?.size) {
        const table = await sails.sockets.fleet();
        const shown = JSON.stringify(table, (key, value) => (key === 'lastSeen' ? undefined : value));
        if (shown !== lastShown) sails.io.local.to('fleet-watchers').emit('fleetUpdated', table);
        lastShown = shown;
      }
    } catch (error) {
      sails.log.verbose('Could not read the fleet:', error.message);
    }
    schedule();
  }

  function schedule() {
    if (lowering) return;
    timer = setTimeout(push, POLL_MS).unref();
  }

  return {
    initialize: async () => {
      sails.after('lifted', schedule);
      sails.once('lower', () => {
        lowering = true;
        clearTimeout(timer);
      });
    },
  };
};
