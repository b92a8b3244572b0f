import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../dist/cli/doctor/finding';
import { FIXTURE, REPOSITORY } from '../launcher/support/pod';
import { RedisServer } from '../support/redis-server';
import { flotilla } from './support';

describe('flotilla doctor', () => {
  let directory: string;
  let redis: RedisServer;
  let nextApp = 1;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'fd-'));
    redis = await RedisServer.start();
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await redis?.stop();
  });

  /** A copy of the fixture with this in config/env/production.js, and these files. */
  const makeApp = (production: string, files: Record<string, string> = {}) => {
    const app = join(directory, `app-${nextApp++}`);
    cpSync(FIXTURE, app, { recursive: true });
    mkdirSync(join(app, 'node_modules'));
    mkdirSync(join(app, 'config', 'env'));
    symlinkSync(join(REPOSITORY, 'node_modules', 'sails'), join(app, 'node_modules', 'sails'));
    symlinkSync(REPOSITORY, join(app, 'node_modules', 'sails-hook-flotilla'));
    const dependencies = { sails: '1', 'sails-hook-flotilla': '0' };
    writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', dependencies }));
    writeFileSync(join(app, 'config', 'env', 'production.js'), `module.exports = { ${production} };\n`);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(app, path, '..'), { recursive: true });
      writeFileSync(join(app, path), text);
    }
    return app;
  };
  const examine = async (app: string, env: NodeJS.ProcessEnv = {}, ...args: string[]) => {
    const { code, output } = await flotilla(['doctor', app, '--json', ...args], { env });
    const { findings } = JSON.parse(output) as { findings: Finding[] };
    const found = Object.fromEntries(findings.map((finding) => [finding.name, finding]));
    return { code, found };
  };
  const GOOD = `sockets: { onlyAllowOrigins: ['https://example.com'] },
    session: { secret: 'a secret that is long enough for this' }, http: { trustProxy: 1 }`;

  it('an app that is in order: exit code 0, nothing to mend', async () => {
    const { code, found } = await examine(makeApp(GOOD), { FLOTILLA_REDIS_URL: redis.url });
    const bad = Object.values(found).filter(({ status, name }) => status === 'fail' && name !== 'open files');
    expect(bad).toEqual([]);
    expect(code).toBe(found['open files']?.status === 'fail' ? 1 : 0);
    for (const name of [
      'node',
      'sockets hook',
      'origins',
      'session secret',
      'session store',
      'trust proxy',
      'transports',
    ]) {
      expect(found[name], name).toMatchObject({ status: 'ok' });
    }
    expect(found.redis).toMatchObject({ status: 'ok', detail: expect.stringMatching(/answers \(\w+ \d+\./) });
    expect(found['redis eviction']).toMatchObject({ status: 'ok' });
    expect(found['redis memory']).toMatchObject({ status: 'ok' });
    expect(found.link).toMatchObject({ status: 'ok', detail: expect.stringMatching(/^redis-streams: a message came/) });
    expect(await redis.cli('KEYS', '*'), 'nothing is left behind').toBe('');
  });

  it('tells each trouble with its cure, for people too', async () => {
    const app = makeApp(`session: { secret: 'short', cookie: { secure: true } }`, {
      'assets/js/app.js': `io.sails.transports = ['websocket', 'polling'];`,
      'config/sockets.js': 'module.exports.sockets = { transports: ["websocket"] };',
      'node_modules/sails-hook-sockets/package.json': '{}',
    });
    const { code, found } = await examine(app, {
      FLOTILLA_GRACE_MS: '3000',
      FLOTILLA_DRAIN_DELAY_MS: '5000',
    });
    expect(code).toBe(1);
    expect(found['sockets hook']).toMatchObject({ status: 'fail', cure: 'npm uninstall sails-hook-sockets' });
    expect(found.origins).toMatchObject({ status: 'fail', cure: expect.stringContaining('onlyAllowOrigins') });
    expect(found['session secret']).toMatchObject({ status: 'warn' });
    expect(found['session store']).toMatchObject({
      status: 'warn',
      cure: expect.stringContaining('FLOTILLA_REDIS_URL'),
    });
    expect(found['trust proxy']).toMatchObject({ status: 'fail', cure: expect.stringContaining('trustProxy') });
    expect(found.grace).toMatchObject({ status: 'fail', detail: expect.stringContaining('--grace') });
    expect(found.redis).toMatchObject({ status: 'skip' });
    const { output } = await flotilla(['doctor', app]);
    expect(output).toContain('→ npm uninstall sails-hook-sockets');
    expect(output).toMatch(/\d+ to mend, \d+ to look at, \d+ in order\n$/);
  });

  it('transports that the server does not take', async () => {
    const app = makeApp(`${GOOD}, ...{}`, { 'views/page.ejs': `<script>io.sails.transports = ["polling"];</script>` });
    writeFileSync(join(app, 'config', 'z-transports.js'), `module.exports.sockets = { transports: ['websocket'] };\n`);
    rmSync(join(app, 'config', 'settings.js'));
    const { found } = await examine(app);
    expect(found.transports).toMatchObject({
      status: 'fail',
      detail: 'views/page.ejs wants polling, the server takes websocket',
    });
  });

  it('Redis that is out of reach, that throws sessions away, or whose setting is wrong; no secret is told', async () => {
    const app = makeApp(GOOD);
    const away = await examine(app, { FLOTILLA_REDIS_URL: 'redis://user:hush-hush@127.0.0.1:1' });
    expect(away.found.redis).toMatchObject({ status: 'fail', detail: expect.stringContaining('127.0.0.1:1') });
    const wrong = await examine(app, { FLOTILLA_REDIS_URL: 'redis://user:hush-hush@host:port' });
    expect(wrong.found.redis).toMatchObject({ status: 'fail', detail: expect.stringContaining('FLOTILLA_REDIS_URL') });
    expect(JSON.stringify([away, wrong])).not.toContain('hush-hush');
    const evicting = await RedisServer.start({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'] });
    try {
      const { found } = await examine(app, { FLOTILLA_REDIS_URL: evicting.url });
      expect(found['redis eviction']).toMatchObject({ status: 'warn', cure: expect.stringContaining('noeviction') });
      expect(found['redis eviction']?.detail).toMatch(/sessions.*messages between pods/);
      expect(found['redis memory']).toMatchObject({ status: 'warn', cure: expect.stringContaining('maxLogBytes') });
    } finally {
      await evicting.stop();
    }
  });

  it('a user who may not do what the link takes: which commands, and what else to do; the rights of docs/redis.md are enough', async () => {
    const user = (...rights: string[]) =>
      redis.cli('ACL', 'SETUSER', 'app', 'reset', 'on', '>pw', '~flotilla:*', '&flotilla:*', ...rights);
    const env = { FLOTILLA_REDIS_URL: redis.url.replace('//', '//app:pw@') };
    const documented = readFileSync(join(REPOSITORY, 'docs', 'redis.md'), 'utf8');
    const rightsIn = (text: string | undefined) => text?.match(/\+[a-z|]+/g) ?? [];
    const ofAll = rightsIn(/ACL SETUSER[^`]*/.exec(documented)?.[0]);
    const ofStreams = rightsIn(/The link `redis-streams`, .*?recovery:/.exec(documented)?.[0]);
    const app = makeApp(GOOD);

    await user(...ofAll);
    const { code, found } = await examine(app, env);
    expect(code).toBe(1);
    expect(found.link).toMatchObject({ status: 'fail', cure: expect.stringContaining('docs/redis.md') });
    expect(found.link?.detail).toMatch(/may not XADD, XREAD, XRANGE, XREVRANGE, XLEN, HSET, /);
    const withPubSub = await examine(app, { ...env, sails_flotilla__link: 'redis' });
    expect(withPubSub.found.link).toMatchObject({ status: 'ok', detail: expect.stringMatching(/^redis: /) });

    await user(...ofAll, ...ofStreams);
    expect((await examine(app, env)).found.link).toMatchObject({ status: 'ok' });
    await user(...ofAll);
    expect(JSON.stringify((await examine(app, env)).found)).not.toContain(':pw@');
  });

  it('configuration that cannot be loaded is a finding, with the reason', async () => {
    const { code, found } = await examine(makeApp('get broken() { throw new Error("the fixture is broken") }'));
    expect(code).toBe(1);
    expect(found.configuration).toMatchObject({ status: 'fail' });
    expect(found.node).toMatchObject({ status: 'ok' });
  });

  it('--environment looks at another; --strict counts warnings', async () => {
    const app = makeApp(GOOD);
    const { found } = await examine(app, {}, '--environment', 'development');
    expect(found.configuration?.detail).toBe('loaded for development');
    expect(found.origins).toMatchObject({ status: 'fail' });
    // without Redis sessions are in the primary: a warning
    expect((await flotilla(['doctor', app, '--strict'])).code).toBe(1);
  });

  it('a directory that is no app: exit code 1, in one line', async () => {
    const { code, output } = await flotilla(['doctor', join(directory, 'nowhere')]);
    expect([code, output]).toEqual([
      1,
      expect.stringMatching(/^flotilla: There is no directory .*\(E_NO_SUCH_APP\)\n$/),
    ]);
  });
});
