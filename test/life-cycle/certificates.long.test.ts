import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, expect, test } from 'vitest';
import { makeCertificate } from '../launcher/support/certificate';
import { connected, scatteringClient, virtual } from '../launcher/support/clients';
import { send } from '../launcher/support/http';
import { COMMAND, REPOSITORY, type RunningPod, startPod } from '../launcher/support/pod';
import { openSession } from '../launcher/support/sessions';
import { type OpsPod, seriesOf, startOpsPod } from '../ops/support/ops-pod';
import { TestFleet } from '../peer/support/fleet';
import { startProgram } from '../support/program';
import { type Certificates, makeCertificates } from '../support/redis-certificates';
import { redisCli } from '../support/redis-process';
import { RedisServer } from '../support/redis-server';

// The runbook's table of certificates (docs/operations.md), step by step.

const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
const ends: Array<() => Promise<unknown> | undefined> = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const inFolder = (name: string) => makeCertificates(mkdtempSync(join(folder, name)), name);

/** The files that a setting names, where they stay; what is in them changes. */
function filesAt(name: string) {
  const path = (file: string) => join(folder, `${name}-${file}.pem`);
  const files = { ca: path('ca'), cert: path('cert'), key: path('key') };
  return {
    ...files,
    write: (contents: Partial<Record<keyof typeof files, string[]>>) => {
      for (const [file, sources] of Object.entries(contents)) {
        const text = sources.map((source) => readFileSync(source, 'utf8')).join('');
        writeFileSync(files[file as keyof typeof files], text);
      }
    },
  };
}

async function reload({ program }: RunningPod): Promise<void> {
  const args = [COMMAND, 'reload', '--pod', String(program.pid)];
  const { code, output } = await startProgram(process.execPath, args, { cwd: REPOSITORY }).ended();
  expect(output).toMatch(/workers replaced/);
  expect(code).toBe(0);
}

/** A broadcast of each pod reaches a client of each. */
async function expectOneFleet(pods: RunningPod[]): Promise<void> {
  const clients = await Promise.all(
    pods.map(async ({ url }) => {
      const socket = scatteringClient(url, { transports: ['websocket'] });
      await connected(socket);
      await virtual(socket, 'post', '/room');
      return socket;
    }),
  );
  for (const { url } of pods) {
    const news = clients.map((socket) => new Promise((resolve) => socket.once('news', resolve)));
    await send(`${url}/room`, { method: 'POST' });
    await Promise.all(news);
  }
  for (const socket of clients) socket.close();
}

test('Redis: authority and certificates in three rounds; workers that are killed meanwhile are replaced', async () => {
  const redis = await RedisServer.start({ tls: 'client' });
  ends.push(() => redis.stop());
  const old = redis.certificates as Certificates;
  const next = await inFolder('redis-next');
  const both = filesAt('both');
  both.write({ ca: [old.caFile, next.caFile] });
  const files = filesAt('redis');
  files.write({ ca: [old.caFile], cert: [old.clientCertFile], key: [old.clientKeyFile] });
  const start = (name: string): Promise<OpsPod> =>
    startOpsPod({
      env: {
        FLOTILLA_REDIS_URL: redis.url,
        FLOTILLA_REDIS_CA: files.ca,
        FLOTILLA_REDIS_CERT: files.cert,
        FLOTILLA_REDIS_KEY: files.key,
        FLOTILLA_POD_NAME: name,
      },
    });
  const pods = [await start('a'), await start('b')];
  ends.push(() => Promise.all(pods.map((pod) => pod.stop())));
  const configure = ({ clientCertFile, clientKeyFile }: Certificates, ...settings: string[]) =>
    redisCli([
      ...['-p', String(redis.port), '--tls', '--cacert', both.ca, '--cert', clientCertFile, '--key', clientKeyFile],
      ...['CONFIG', 'SET', ...settings],
    ]);
  const takeUp = async () => {
    for (const [index, pod] of pods.entries()) {
      const { workers } = await pod.status();
      const readyBefore = pod.log().filter(({ msg }) => /worker ready/.test(msg)).length;
      process.kill(workers[0]?.pid as number, 'SIGKILL');
      await pod.logged(/worker ready/, readyBefore + 1);
      await pod.stop();
      pods[index] = await start(index === 0 ? 'a' : 'b');
      await pods[index]?.logged(/joined the fleet/);
      await expectOneFleet(pods);
    }
  };

  await configure(old, 'tls-ca-cert-file', both.ca);
  files.write({ ca: [both.ca] });
  await takeUp();

  await configure(old, 'tls-cert-file', next.certFile, 'tls-key-file', next.keyFile);
  files.write({ cert: [next.clientCertFile], key: [next.clientKeyFile] });
  await takeUp();

  await configure(next, 'tls-ca-cert-file', next.caFile);
  files.write({ ca: [next.caFile] });
  await takeUp();
});

test('between pods: authority and certificates in three rounds of reloads; requests pass at every step', async () => {
  const [old, next] = [await inFolder('peer-old'), await inFolder('peer-next')];
  const files = filesAt('peer');
  files.write({ ca: [old.caFile], cert: [old.certFile], key: [old.keyFile] });
  const fleet = await TestFleet.start(['pod-a', 'pod-b'], {
    env: { FLOTILLA_PEER_TLS_CERT: files.cert, FLOTILLA_PEER_TLS_KEY: files.key, FLOTILLA_PEER_TLS_CA: files.ca },
  });
  ends.push(() => fleet.stop());
  const { pods } = fleet;
  const expectPassing = async () => {
    for (const [owner, other] of [pods, [...pods].reverse()] as Array<[RunningPod, RunningPod]>) {
      // each worker of the one to each of the other
      for (let turn = 0; turn < 4; turn++) {
        const { url } = await openSession(owner.url);
        const headers = { 'Content-Type': 'text/plain' };
        const sent = await send(url.replace(owner.url, other.url), { method: 'POST', body: '40', headers });
        expect(sent.status).toBe(200);
      }
    }
  };
  await expectPassing();
  for (const contents of [
    { ca: [old.caFile, next.caFile] },
    { cert: [next.certFile], key: [next.keyFile] },
    { ca: [next.caFile] },
  ]) {
    files.write(contents);
    for (const pod of pods) {
      await reload(pod);
      await expectPassing();
    }
  }
  for (const pod of pods) {
    const port = pod.log().find(({ msg }) => /ops server on/.test(msg))?.port;
    const series = seriesOf(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    const counts = (name: string) => series.filter(([each, count]) => each.startsWith(name) && count > 0);
    expect(counts('flotilla_peer_tls_refused_total')).toEqual([]);
    expect(counts('flotilla_misrouted_requests_total')).not.toEqual([]);
  }
});

test('in the app: a reload takes a new certificate', async () => {
  const [old, next] = [makeCertificate(), makeCertificate()];
  ends.push(async () => {
    old.remove();
    next.remove();
  });
  const pod = await startPod({ tls: true, env: { FIXTURE_TLS: old.path } });
  ends.push(() => pod.stop());
  expect(await certificateOf(pod)).toBe(readFileSync(`${old.path}.crt`, 'utf8'));
  for (const file of ['key', 'crt']) writeFileSync(`${old.path}.${file}`, readFileSync(`${next.path}.${file}`));
  await reload(pod);
  expect(await certificateOf(pod)).toBe(readFileSync(`${next.path}.crt`, 'utf8'));
});

/** What a new connection is shown, as PEM. */
function certificateOf({ port }: RunningPod): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.toString() ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
