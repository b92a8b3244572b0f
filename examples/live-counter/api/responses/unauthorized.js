/** A custom response: it answers a virtual request as it answers HTTP. */
module.exports = function unauthorized() {
  return this.res.status(401).json({ message: 'Log in first: POST /api/login {"name": "…"}' });
};
