import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ending } from '../support/program';
import { runScript, scratchFolder } from './support/tools';

let folder: string;
let target: string;
let number = 0;
const hits: string[] = [];

const server = createServer((request, response) => {
  hits.push(`${request.method} ${request.url} ${request.headers.cookie ?? ''}`.trim());
  if (request.url === '/login') response.setHeader('set-cookie', 'sid=s%3A1; Path=/; HttpOnly');
  if (request.url === '/moved') response.writeHead(302, { location: '/here' });
  if (request.url === '/missing') response.statusCode = 404;
  if (request.url !== '/never') response.end(JSON.stringify({ url: request.url }));
});

beforeAll(async () => {
  let clean = async () => {};
  folder = await scratchFolder((after) => {
    clean = after;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return clean;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

interface Outcome extends Ending {
  /** What `handleSummary` got. */
  data: {
    metrics: Record<
      string,
      { type: string; values: Record<string, number>; thresholds?: Record<string, { ok: boolean }> }
    >;
    root_group: { checks: { name: string; passes: number; fails: number }[] };
    setup_data: unknown;
  };
  lines: { metric: string; type: string; data: { value: number; tags?: Record<string, string>; type?: string } }[];
}

/** Runs a script that a test writes down; `handleSummary` is added to it. */
async function run(source: string, args: string[] = []): Promise<Outcome> {
  number += 1;
  const script = join(folder, `script-${number}.js`);
  const [summary, lines] = [join(folder, `${number}.summary.json`), join(folder, `${number}.lines.json`)];
  await writeFile(
    script,
    `${source}\nexport function handleSummary(data) { return { '${summary}': JSON.stringify(data), stdout: 'the end' }; }`,
  );
  const ending = await runScript(script, { TARGET: target }, ['--out', `json=${lines}`, ...args]);
  const read = (file: string) => readFile(file, 'utf8').catch(() => '');
  return {
    ...ending,
    data: JSON.parse((await read(summary)) || 'null'),
    lines: (await read(lines))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
}

describe('the runner', () => {
  it('runs setup, iterations over several processes, teardown and handleSummary', async () => {
    const { code, output, data, lines } = await run(
      `import { check } from 'k6';
      import exec from 'k6/execution';
      import { Counter, Trend } from 'k6/metrics';
      import { setTimeout } from 'k6/timers';
      const seen = new Counter('seen');
      const took = new Trend('took', true);
      let own = 0;
      export const options = {
        scenarios: {
          each: { executor: 'per-vu-iterations', vus: 5, iterations: 2, exec: 'each', tags: { kind: 'x' }, env: { WHICH: 'each' } },
          shared: { executor: 'shared-iterations', vus: 2, iterations: 7, exec: 'shared' },
        },
        thresholds: { seen: ['count==17'], 'seen{kind:x}': ['count==10'], checks: ['rate==1'], took: ['max<5'] },
        summaryTrendStats: ['med', 'p(99)', 'count'],
      };
      export function setup() { return { given: [1, 2], lost: undefined }; }
      export async function each(data) {
        own += 1;
        seen.add(1);
        took.add(exec.scenario.iterationInTest % 3);
        check(data, {
          'has the data': ({ given }) => given.length === 2,
          'shares no memory': () => own === exec.vu.iterationInScenario + 1,
          'has its own environment': () => __ENV.WHICH === 'each',
        });
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      export function shared() { seen.add(1); setTimeout(() => seen.add(0), 10); }
      export function teardown(data) { console.log('torn down', data.given.length); }`,
      ['--vus-per-process', '3'],
    );
    expect(output).toContain('torn down 2');
    expect(output).toContain('the end');
    expect(code).toBe(0);
    expect(data.metrics.iterations?.values.count).toBe(17);
    expect(data.metrics.took?.values).toMatchObject({ count: 10, med: expect.closeTo(1, 1), 'p(99)': 2 });
    expect(data.metrics['seen{kind:x}']?.thresholds).toEqual({ 'count==10': { ok: true } });
    expect(data.root_group.checks.map(({ name, passes, fails }) => [name, passes, fails])).toEqual([
      ['has the data', 10, 0],
      ['shares no memory', 10, 0],
      ['has its own environment', 10, 0],
    ]);
    expect(data.setup_data).toEqual({ given: [1, 2] });

    // The lines that k6 writes: what each metric is, then every sample with its tags.
    expect(lines.find(({ metric, type }) => metric === 'took' && type === 'Metric')?.data.type).toBe('trend');
    const points = lines.filter(({ metric, type }) => metric === 'seen' && type === 'Point');
    expect(points.filter(({ data: { tags } }) => tags?.kind === 'x' && tags?.scenario === 'each')).toHaveLength(10);
    expect(points).toHaveLength(24);
  });

  it('counts in its summary what setup and teardown did, however soon it is over', async () => {
    const { code, data } = await run(
      `import http from 'k6/http';
      import { check } from 'k6';
      export function setup() { check(http.get(__ENV.TARGET + '/setup'), { 'set up': ({ status }) => status === 200 }); }
      export default function () {}
      export function teardown() { check(http.get(__ENV.TARGET + '/teardown'), { 'torn down': ({ status }) => status === 200 }); }`,
    );
    expect(code).toBe(0);
    expect(data.metrics.http_reqs?.values.count).toBe(2);
    expect(data.root_group.checks.map(({ name, passes }) => [name, passes])).toEqual([
      ['set up', 1],
      ['torn down', 1],
    ]);
  });

  it('keeps cookies, follows redirects, measures requests', async () => {
    hits.length = 0;
    const { code, data } = await run(
      `import http from 'k6/http';
      import { check } from 'k6';
      export const options = { thresholds: { checks: ['rate==1'] } };
      export function setup() { return http.get(__ENV.TARGET + '/setup').json(); }
      export default async function (data) {
        check(data, { 'setup asked synchronously': ({ url }) => url === '/setup' });
        const login = await http.asyncRequest('POST', __ENV.TARGET + '/login', '{}');
        check(login, { 'cookie is shown': ({ cookies }) => cookies.sid[0].value === 's%3A1' });
        check(http.cookieJar().cookiesForURL(__ENV.TARGET), { 'cookie is kept': ({ sid }) => sid[0] === 's%3A1' });
        const moved = await http.asyncRequest('GET', __ENV.TARGET + '/moved');
        check(moved, { 'is there': ({ json, url }) => url.endsWith('/here') });
        const other = await http.asyncRequest('GET', __ENV.TARGET + '/other', null, { jar: new http.CookieJar() });
        const missing = await http.asyncRequest('GET', __ENV.TARGET + '/missing');
        check(missing, { 'is missing': ({ status }) => status === 404 });
        const never = await http.asyncRequest('GET', __ENV.TARGET + '/never', null, { timeout: '200ms' });
        check(never, { 'comes late': ({ status, error }) => status === 0 && error.includes('timeout') });
      }`,
    );
    expect(code).toBe(0);
    expect(hits).toEqual([
      'GET /setup',
      'POST /login',
      'GET /moved sid=s%3A1',
      'GET /here sid=s%3A1',
      'GET /other',
      'GET /missing sid=s%3A1',
      'GET /never sid=s%3A1',
    ]);
    expect(data.metrics.http_reqs?.values.count).toBe(7);
    expect(data.metrics.http_req_failed?.values.passes).toBe(2);
  });

  it.each([
    [
      'a threshold that does not hold',
      99,
      'the end',
      `
      import { Counter } from 'k6/metrics';
      const lost = new Counter('lost');
      export const options = { thresholds: { lost: ['count==0'] } };
      export default function () { lost.add(1); }`,
    ],
    [
      'test.fail()',
      110,
      'failed: not good',
      `
      import exec from 'k6/execution';
      export default function () { exec.test.fail('not good'); }`,
    ],
    [
      'test.abort()',
      108,
      'stopped: enough',
      `
      import exec from 'k6/execution';
      export const options = { scenarios: { s: { executor: 'constant-vus', vus: 2, duration: '1h' } } };
      export default function () { exec.test.abort('enough'); }`,
    ],
    [
      'a threshold with abortOnFail',
      99,
      'stopped: the threshold lost count<1 does not hold',
      `
      import { Counter } from 'k6/metrics';
      import { setTimeout } from 'k6/timers';
      const lost = new Counter('lost');
      export const options = {
        scenarios: { s: { executor: 'constant-vus', vus: 1, duration: '1h', gracefulStop: '1h' } },
        thresholds: { lost: [{ threshold: 'count<1', abortOnFail: true }] },
      };
      export default function () { lost.add(1); return new Promise((resolve) => setTimeout(resolve, 3600000)); }`,
    ],
    [
      'a setup that throws',
      107,
      'setup failed: Error: no such app',
      `
      export function setup() { throw new Error('no such app'); }
      export default function () {}`,
    ],
    ['a script that does not parse', 104, 'The script cannot run', 'export default function ( {'],
    [
      'a script that throws when it is loaded',
      104,
      'SUBSCRIBERS=x: give a number',
      `
      throw new Error('SUBSCRIBERS=x: give a number');
      export default function () {}`,
    ],
    [
      'an exec that is not exported',
      104,
      'the script exports no function "nobody"',
      `
      export const options = { scenarios: { s: { executor: 'shared-iterations', exec: 'nobody' } } };
      export default function () {}`,
    ],
    [
      'a threshold of a metric that is not there',
      104,
      'no such metric',
      `
      export const options = { thresholds: { misspelt: ['count>0'] } };
      export default function () {}`,
    ],
    [
      'a module that it lacks',
      104,
      'this runner has no module "k6/net/grpc"',
      `
      import grpc from 'k6/net/grpc';
      export default function () { grpc; }`,
    ],
  ])('ends with the exit code that k6 documents for %s', async (_, code, words, source) => {
    const ending = await run(source);
    expect(ending.output).toContain(words);
    expect(ending.code).toBe(code);
  });

  it.each([
    ['sleep()', "import { sleep } from 'k6'; export default function () { sleep(1); }", 'wait with setTimeout'],
    [
      'http.get()',
      "import http from 'k6/http'; export default function () { http.get('http://x'); }",
      'use http.asyncRequest()',
    ],
    ['what only Node has', 'export default function () { process.exit(); }', 'TypeError'],
    [
      'an async group',
      "import { group } from 'k6'; export default function () { group('g', async () => {}); }",
      'must not be async',
    ],
    ['a promise that nothing settles', 'export default () => new Promise(() => {});', 'can never come'],
  ])('refuses %s in a virtual user', async (_, source, words) => {
    const { output } = await run(source);
    expect(output).toContain(words);
  });

  it('ends what is still open when the time of a scenario is up', async () => {
    const { code, data } = await run(
      `import { setInterval } from 'k6/timers';
      export const options = {
        scenarios: { s: { executor: 'per-vu-iterations', vus: 1, maxDuration: '1s', gracefulStop: '500ms' } },
        thresholds: { iterations: ['count==0'] },
      };
      export default function () { setInterval(() => {}, 10); }`,
    );
    expect(code).toBe(0);
    expect(data.metrics.iterations?.values.count).toBe(0);
  });

  it('shows its help, and refuses wrong usage with 2', async () => {
    expect(await runScript('--help')).toMatchObject({ code: 0, output: expect.stringContaining('Usage:') });
    expect((await runScript('one.js', {}, ['two.js'])).code).toBe(2);
    expect(await runScript('x.js', {}, ['--out', 'csv=x'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('only json=FILE'),
    });
  });
});
