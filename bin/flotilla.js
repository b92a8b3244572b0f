#!/usr/bin/env node

const wanted = [20, 19];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
  console.error(`flotilla needs Node ${wanted.join('.')} or later; this is Node ${process.versions.node}.`);
  process.exit(1);
}

require('../dist/cli/main.js').main(process.argv.slice(2));
