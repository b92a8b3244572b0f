module.exports = async (req, res, proceed) => {
  if (!req.session.userId) return res.unauthorized();
  return proceed();
};
