module.exports = (req, res) => {
  sails.sockets.broadcast(req.param('room'), 'loadtestMessage', req.body);
  return res.json({});
};
