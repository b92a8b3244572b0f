import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { type ExampleApp, startExampleApp } from '../example/example-app';
import { startProgram } from '../support/program';
import { type Container, only, podSpecs, render, renderCi } from './support/chart';
import { ROOT, run } from './support/tools';

/** What the container of the app gets, but for what only a cluster has. */
const settings = only(render({ redis: { existingSecret: '' }, replicaCount: 1 }, { ci: 'mode-traefik' }), 'ConfigMap')
  .data as Record<string, string>;
const ORIGIN = 'https://app.example.com';

describe('the app with the settings of the chart', () => {
  let app: ExampleApp;

  beforeAll(async () => {
    const { PORT: _port, FLOTILLA_OPS_PORT: _opsPort, FLOTILLA_OPS_HOST: _opsHost, ...env } = settings;
    app = await startExampleApp(2, {
      ...env,
      FLOTILLA_POD_IP: '127.0.0.1',
      sails_session__secret: '0123456789abcdef0123456789abcdef',
      LOADTEST_ROUTES: 'true',
    });
  });
  afterAll(() => app?.stop());

  it('lifts in production, though none of its own variables are set', () => {
    expect(settings).toMatchObject({ NODE_ENV: 'production', sails_sockets__onlyAllowOrigins: `["${ORIGIN}"]` });
    expect(app.output()).toMatch(/all 2 workers are ready/);
  });

  it('believes the proxy, and makes the session cookie secure', async () => {
    const login = (headers: Record<string, string>) =>
      fetch(`${app.url}/api/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ name: 'ada' }),
      });
    const behindTls = await login({ 'x-forwarded-proto': 'https' });
    expect(behindTls.status).toBe(200);
    expect(behindTls.headers.get('set-cookie')).toMatch(/^sails\.sid=.*; Secure/);
    expect((await login({})).headers.get('set-cookie')).toBeNull();
  });

  it("takes sockets from the ingress' host, and from nowhere else", async () => {
    const open = async (origin: string) => {
      const socket = new WebSocket(`${app.url}/socket.io/?EIO=4&transport=websocket`, { origin });
      const outcome = await Promise.race([
        once(socket, 'open').then(() => 'open'),
        once(socket, 'unexpected-response').then(([, { statusCode }]) => statusCode),
      ]);
      socket.terminate();
      return outcome;
    };
    expect(await open(ORIGIN)).toBe('open');
    expect(await open('https://elsewhere.example')).toBeGreaterThanOrEqual(400);
  });

  it("answers the load test's Job, which needs nothing but Node and the files of this package", async () => {
    run(process.execPath, ['scripts/bundle-loadtest.mjs']);
    const folder = mkdtempSync(join(tmpdir(), 'flotilla-job-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [container] = podSpecs(renderCi('loadtest-runner'))
      .filter(({ of }) => of.startsWith('Job'))
      .flatMap(({ spec }) => spec.containers);
    const { command: [node, ...args] = [], env = [] } = container as Container;
    expect(node).toBe('node');
    cpSync(join(ROOT, 'dist/loadtest'), join(folder, dirname(args[0] as string)), { recursive: true });
    const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    expect(variables).toMatchObject({ ORIGIN, SOCKET_PATH: '/socket.io/' });

    const program = startProgram(process.execPath, args, {
      cwd: folder,
      env: { ...variables, TARGET: app.url, SOCKETS: '5', RATE: '20', DURATION: '1s' },
    });
    const { code, output } = await program.ended();
    expect(output).toMatch(/ok +connects_failed/);
    expect(code, `${output}\n${app.output()}`).toBe(0);
  });
});

describe('variables of the launcher and the hook', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(ROOT, 'src', path), 'utf8'))
    .join('\n');

  it('that the chart sets exist', () => {
    const names = new Set<string>();
    for (const ci of ['trial', 'redis-url', 'redis-sentinel-tls', 'websocket-only', 'extras']) {
      const manifests = renderCi(ci);
      for (const { kind, data } of manifests)
        if (kind === 'ConfigMap') for (const name of Object.keys(data ?? {})) names.add(name);
      for (const { spec } of podSpecs(manifests)) {
        for (const { env = [] } of spec.containers) for (const { name } of env) names.add(name);
      }
    }
    const own = [...names].filter((name) => name.startsWith('FLOTILLA_'));
    expect(own.length).toBeGreaterThan(20);
    expect(own.filter((name) => !sources.includes(name))).toEqual([]);
  });
});
