#!/bin/sh
# Says in one line what is wrong with Node.js here, if anything.
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
  echo "Flotilla needs Node.js 20.19 or later with npm, and there is none on PATH: see https://nodejs.org/en/download" >&2
  exit 1
fi
node -e '
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Flotilla needs Node.js 20.19 or later, and this is ${process.version}: see https://nodejs.org/en/download`);
  process.exit(1);
}'
