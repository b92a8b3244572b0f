/** For load tests only (loadtest/contract.md in the repository): anyone could send to any room. */
const loadtestRoutes = {
  'POST /loadtest/rooms/:room/join': { action: 'loadtest/join' },
  'GET /loadtest/rooms/:room': { action: 'loadtest/members' },
  'POST /loadtest/rooms/:room/messages': { action: 'loadtest/send' },
};

/** Each of these answers an HTTP request and a virtual request over a socket alike. */
module.exports.routes = {
  'GET /api/counter/subscribe': { action: 'counter/subscribe' },
  'POST /api/counter/increment': { action: 'counter/increment' },

  'GET /api/chat/subscribe': { action: 'chat/subscribe' },
  'POST /api/chat/messages': { action: 'chat/send' },

  'GET /api/users': { action: 'user/list' },
  'PATCH /api/users/me': { action: 'user/update-me' },

  'POST /api/login': { action: 'account/login' },
  'POST /api/logout': { action: 'account/logout' },

  'GET /api/whoami': { action: 'whoami' },
  'GET /api/fleet': { action: 'fleet' },

  ...(process.env.LOADTEST_ROUTES === 'true' && loadtestRoutes),
};
