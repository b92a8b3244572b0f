module.exports = (_req, res) => res.json({ pod: process.env.POD, worker: process.pid, user: null });
