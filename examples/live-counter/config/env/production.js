/**
 * `SESSION_SECRET`   signs the session cookie
 * `ALLOWED_ORIGINS`  where the page is served from, e.g. `https://counter.example.com`, several with commas between
 * `TRUST_PROXY`      `true` behind an ingress or a load balancer
 */
const allowedOrigins = (process.env.ALLOWED_ORIGINS || '').split(',').filter(Boolean);

module.exports = {
  http: { trustProxy: process.env.TRUST_PROXY === 'true' },
  sockets: { onlyAllowOrigins: allowedOrigins },
};
