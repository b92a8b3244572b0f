import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunReport } from '../../loadtest/report/run-report';
import { launchChromium } from '../example/chromium';
import { breakApp } from './support/broken-app';
import { startContractServer } from './support/contract-server';
import { ROOT, runLoadTest, scratchFolder } from './support/tools';

/** Small enough for a test; the same scripts and thresholds. */
const SMALL = {
  SUBSCRIBERS: '10',
  SOCKETS: '10',
  USERS: '10',
  FOLLOWERS: '10',
  RATE: '20',
  DURATION: '2s',
  RAMP: '200ms',
  BACKOFF: '200ms',
  ACK_TIMEOUT: '3s',
  JOIN_TIMEOUT: '5s',
  GRACE: '5s',
};

const TIMEOUT_MS = 120_000;

describe('make loadtest', () => {
  it('passes against the example, and leaves a report worth looking at', { timeout: TIMEOUT_MS }, async () => {
    const folder = await scratchFolder(onTestFinished);
    const run = await runLoadTest(['--results', folder], SMALL);
    expect(run.output).toMatch(/\nPASSED\n/);
    expect(run.output).toContain('Engine: Node runner');
    expect(run.output).toMatch(/pass +broadcast-fanout +11 connects, 400 of 400 deliveries/);
    expect(run.code).toBe(0);

    const report = JSON.parse(await readFile(join(folder, 'summary.json'), 'utf8')) as RunReport;
    expect(report.passed).toBe(true);
    expect(report.scenarios.map(({ name, passed }) => [name, passed])).toEqual([
      ['broadcast-fanout', true],
      ['virtual-request', true],
      ['session', true],
      ['pubsub', true],
      ['reconnect-storm', true],
    ]);
    expect(report.settings).toMatchObject({ SUBSCRIBERS: '10' });

    const comparison = join(folder, 'compare.html');
    const compared = await runLoadTest(['compare', folder, join(folder, 'summary.json'), '--out', comparison]);
    expect(compared.output).toContain('broadcast_latency p99');
    expect(compared.code).toBe(0);

    for (const [page, colorScheme] of [
      [join(folder, 'report.html'), 'light'],
      [join(folder, 'report.html'), 'dark'],
      [comparison, 'light'],
    ] as const) {
      expect(await look(page, colorScheme)).toMatchObject({
        troubles: [],
        requests: 1,
        outcome: '400 of 400 deliveries',
      });
    }
  });

  it.each([
    {
      broken: 'a handshake that no origin passes',
      scenario: 'broadcast-fanout',
      file: 'config/sockets.js',
      change: (source: string) =>
        source.replace('sockets = {}', "sockets = { onlyAllowOrigins: ['http://ok.example'] }"),
      says: [/connects_failed: count==0 does not hold, it is 11/, /refused the connection/],
    },
    {
      broken: 'an action that answers but does not join',
      scenario: 'broadcast-fanout',
      file: 'api/controllers/loadtest/join.js',
      change: (source: string) => source.replace('sails.sockets.join(this.req, room);', ''),
      says: [/room \S+ has 0 members, not 11/],
    },
    {
      broken: 'a broadcast that stays at the sender’s worker',
      scenario: 'broadcast-fanout',
      file: 'api/controllers/loadtest/send.js',
      change: (source: string) =>
        source.replace(
          "sails.sockets.broadcast(room, 'loadtestMessage', this.req.body);",
          "(this.req.body.kind === 'end' ? sails.io : sails.io.local).to(room).emit('loadtestMessage', this.req.body);",
        ),
      says: [/missing: count==0 does not hold, it is [1-9]/],
    },
    {
      broken: 'a broadcast that goes out twice',
      scenario: 'reconnect-storm',
      file: 'api/controllers/loadtest/send.js',
      change: (source: string) =>
        source.replace(
          '    return {};',
          "    sails.sockets.broadcast(room, 'loadtestMessage', this.req.body);\n    return {};",
        ),
      says: [/duplicate: count==0 does not hold, it is [1-9]/],
    },
    {
      broken: 'a session that HTTP and sockets do not share',
      scenario: 'session',
      file: 'api/controllers/whoami.js',
      change: (source: string) => source.replace('userId ? await', 'userId && !this.req.isSocket ? await'),
      says: [/sessions_wrong: count==0 does not hold, it is 10/, /knows the user, a socket at worker .* does not/],
    },
    {
      broken: 'a record whose changes are not published now and then',
      scenario: 'pubsub',
      file: 'api/controllers/user/update-me.js',
      change: (source: string) =>
        source.replace('User.publish(', 'if (!/ m \\d*3 /.test(user.displayName)) User.publish('),
      says: [/missing: count==0 does not hold, it is [1-9]/],
    },
    {
      broken: 'an action that fails now and then',
      scenario: 'virtual-request',
      file: 'api/controllers/counter/increment.js',
      change: (source: string) =>
        source.replace('return { count };', "if (count % 4 === 0) throw new Error('broken'); return { count };"),
      says: [
        /virtual_requests_failed: count==0 does not hold, it is [1-9]/,
        /POST \/api\/counter\/increment: status 500/,
      ],
    },
  ])('fails for $broken', { timeout: TIMEOUT_MS }, async ({ scenario, file, change, says }) => {
    const folder = await scratchFolder(onTestFinished);
    const app = await breakApp(folder, file, change);
    const run = await runLoadTest(['--app', app, '--results', join(folder, 'results'), scenario], SMALL);
    for (const words of says) expect(run.output).toMatch(words);
    expect(run.output).toMatch(/\nFAILED\n/);
    expect(run.code).toBe(1);
  });

  it('fails where no app answers, and says what to do', async () => {
    const folder = await scratchFolder(onTestFinished);
    const run = await runLoadTest(['--target', 'http://127.0.0.1:1', '--results', folder, 'session'], SMALL);
    expect(run.output).toContain('is the app running, and does it fulfil loadtest/contract.md?');
    expect(run.code).toBe(1);
  });

  it('has k6 run the scripts where it is on PATH', { timeout: TIMEOUT_MS }, async () => {
    const folder = await scratchFolder(onTestFinished);
    // In its place, a program that takes the same command line.
    const runner = join(ROOT, 'loadtest/runner.mjs');
    const stand = `#!/bin/sh\n[ "$1" = version ] && { echo "k6 v2.3.0 (go1.26)"; exit 0; }\nexec "${process.execPath}" "${runner}" "$@"\n`;
    await writeFile(join(folder, 'k6'), stand, { mode: 0o755 });
    const server = await startContractServer(5000);
    onTestFinished(server.close);
    const run = await runLoadTest(['--target', server.url, '--results', join(folder, 'results'), 'broadcast-fanout'], {
      ...SMALL,
      ENGINE: 'auto',
      PATH: `${folder}:${process.env.PATH}`,
    });
    expect(run.output).toContain('Engine: k6 v2.3.0');
    expect(run.output).toContain('400 of 400 deliveries');
    expect(run.code).toBe(0);
    const missing = await runLoadTest(['session'], { ENGINE: 'k6', PATH: '/nowhere' });
    expect(missing.output).toContain('there is no k6 on PATH');
  });

  it('refuses wrong usage with 2', async () => {
    for (const args of [['nonsense'], ['--engine', 'x'], ['--workers', '0'], ['--what'], ['compare', 'one']]) {
      const run = await runLoadTest(args);
      expect(run.output).toContain('See --help.');
      expect(run.code).toBe(2);
    }
    expect(await runLoadTest(['--help'])).toMatchObject({ code: 0 });
  });
});

/** Opens a page as a person would, and tells what went wrong on it. */
async function look(page: string, colorScheme: 'light' | 'dark') {
  const browser = await launchChromium();
  try {
    const tab = await browser.newPage({ colorScheme, viewport: { width: 400, height: 800 } });
    const troubles: string[] = [];
    let requests = 0;
    tab.on('pageerror', ({ message }) => troubles.push(message));
    tab.on('request', () => {
      requests += 1;
    });
    await tab.goto(`file://${page}`);
    await tab.locator('.plot canvas').first().waitFor();
    // In the page's own words, as its types are not those of the tests.
    const seen = (await tab.evaluate(`({
      tooWide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      emptyPlots: [...document.querySelectorAll('.plot-place')].filter((place) => !place.querySelector('canvas')).length,
      text: document.body.textContent,
    })`)) as { tooWide: boolean; emptyPlots: number; text: string };
    if (seen.tooWide) troubles.push('it is wider than a phone');
    if (seen.emptyPlots > 0) troubles.push(`${seen.emptyPlots} plots are empty`);
    return { troubles, requests, outcome: /400 of 400 deliveries/.exec(seen.text)?.[0] };
  } finally {
    await browser.close();
  }
}
