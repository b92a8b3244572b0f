const inProduction = process.env.NODE_ENV === 'production';

/**
 * Nothing about a store: under `flotilla start` the workers of one machine share the sessions by themselves.
 */
module.exports.session = {
  // Every worker must sign with the same secret. In production Sails refuses to lift without one.
  secret: process.env.SESSION_SECRET || (inProduction ? undefined : 'only for development'),
  cookie: { sameSite: 'lax' },
};
