module.exports = async (req, res) => {
  const members = await sails.io.in(req.param('room')).fetchSockets();
  return res.json({ members: members.length });
};
