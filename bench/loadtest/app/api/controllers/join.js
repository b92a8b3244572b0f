module.exports = (req, res) => {
  sails.sockets.join(req, req.param('room'));
  return res.json({});
};
