// Fails where the HTTPRoute in the cluster lacks the sessionPersistence that the chart sent.
const { readFileSync } = require('node:fs');
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, ROUTE, WANTED } = process.env;

const contains = (given, wanted) =>
  typeof wanted === 'object' && wanted !== null
    ? Object.entries(wanted).every(([key, value]) => contains(given?.[key], value))
    : given === wanted;

async function main() {
  const token = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8');
  const address = host.includes(':') ? `[${host}]` : host;
  const response = await fetch(`https://${address}:${port}${ROUTE}`, { headers: { authorization: `Bearer ${token}` } });
  const route = await response.json();
  if (!response.ok) throw new Error(`${ROUTE}: ${response.status} ${route.message}`);
  const found = route.spec.rules[0].sessionPersistence;
  if (contains(found, JSON.parse(WANTED))) return `sessionPersistence is there: ${JSON.stringify(found)}`;
  throw new Error(
    `sessionPersistence is ${JSON.stringify(found)} in the cluster, not ${WANTED}: its Gateway API CRDs do not know it. ` +
      'Install those of the experimental channel, or choose another stickiness.mode.',
  );
}

main().then(
  (line) => console.log(line),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
