// Fails where the HTTPRoute in the cluster lacks the sessionPersistence that the chart sent.
const { readFileSync } = require('node:fs');
const { ROUTE, TOKEN_FILE, WANTED } = process.env;

const contains = (given, wanted) =>
  typeof wanted === 'object' && wanted !== null
    ? Object.entries(wanted).every(([key, value]) => contains(given?.[key], value))
    : given === wanted;

async function main() {
  const response = await fetch(ROUTE, { headers: { authorization: `Bearer ${readFileSync(TOKEN_FILE, 'utf8')}` } });
  const route = await response.json();
  if (!response.ok) throw new Error(`${ROUTE} answered ${response.status}: ${route.message}`);
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
