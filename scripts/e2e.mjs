// The end-to-end tests on a Kubernetes: the one that KUBECONFIG points to, or with E2E_CLUSTER=local one that is started here and ended
// afterwards. It names what failed at the end, and its last line is `N passed, N failed`; it exits with 1 if anything failed or
// nothing ran.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTestTools } from './test-tools.mjs';
import { printOutcome, readVitestReport } from './vitest-report.mjs';

process.chdir(join(import.meta.dirname, '..'));

const isLocal = process.env.E2E_CLUSTER === 'local';
const HERE = 'test/e2e/cluster';
const CLUSTER = join(HERE, 'cluster.sh');
const IMAGE = 'localhost/live-counter:e2e';
const NEXT = 'localhost/live-counter:e2e-next';
const SERVICES = 'docker.io/e2e/services:1';
const scratch = mkdtempSync(join(tmpdir(), 'flotilla-e2e-run-'));
const report = join(scratch, 'vitest.json');
const crds = join(scratch, 'crds.json');
const times = [];
let child;
let isInterrupted = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    isInterrupted = true;
    // The group: what a stage started goes with it.
    if (child?.pid) process.kill(-child.pid, 'SIGTERM');
  });
}

process.exitCode = await main();

async function main() {
  if (!isLocal && !(process.env.KUBECONFIG && process.env.E2E_IMAGE)) {
    console.error(
      'Set E2E_CLUSTER=local for a throwaway cluster on this machine (Linux, root), or KUBECONFIG and E2E_IMAGE for one of yours:\n' +
        '  E2E_IMAGE           the app as `make image` builds it, under a name that the cluster can pull\n' +
        '  E2E_IMAGE_NEXT      another tag of it, to upgrade to; by default the same\n' +
        '  E2E_INGRESS         address of Traefik, the ingress controller, on ports 80 and 443; by default 127.0.0.1',
    );
    return 1;
  }
  const { found } = findTestTools();
  let totals = { passed: 0, failed: 1, failures: [] };
  try {
    if (isLocal) await startCluster();
    const command = [process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.e2e.config.mts'];
    command.push('--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2));
    const env = isLocal
      ? {
          E2E_IMAGE: IMAGE,
          E2E_IMAGE_NEXT: NEXT,
          E2E_SERVICES_IMAGE: SERVICES,
          E2E_CRDS: crds,
          E2E_CRASH: join(process.cwd(), CLUSTER),
          E2E_POLICIES: join(process.cwd(), CLUSTER),
          // The tests may change what belongs to the whole cluster.
          E2E_THROWAWAY: 'yes',
        }
      : { E2E_IMAGE_NEXT: process.env.E2E_IMAGE_NEXT ?? process.env.E2E_IMAGE };
    const code = await stage('tests', isLocal ? [CLUSTER, 'exec', ...command] : command, { ...found, ...env });
    totals = readVitestReport(report);
    if (code !== 0 && totals.failed === 0) {
      totals.failed = 1;
      totals.failures.push(`the run ended with ${code}`);
    }
  } catch (error) {
    console.error(error.message);
    totals.failures.push(error.message);
  } finally {
    if (isLocal) spawnSync(CLUSTER, ['down'], { stdio: 'inherit' });
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log('');
  for (const { name, seconds } of times) console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
  return printOutcome(totals);
}

async function startCluster() {
  const { status, stdout } = spawnSync(join(HERE, 'preflight.sh'), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`E2E_CLUSTER=local can't run here. This is missing:\n${stdout}`);
  const node = process.versions.node.split('.')[0];
  const archive = (name) => join(scratch, `${name}.tar`);
  const save = (image, name) => ['buildah', 'push', '--quiet', image, `docker-archive:${archive(name)}:${image}`];
  await must('programs of the cluster', [join(HERE, 'build.sh')]);
  await must('base images', ['sh', join(HERE, 'base-images.sh'), node]);
  const options = ['--isolation', 'chroot', '--pull=never', '--layers', '--build-arg', `NODE_VERSION=${node}`];
  await must('custom resources', [process.execPath, 'scripts/chart-crds.mjs', crds]);
  await must('image', ['sh', 'scripts/image.sh', IMAGE, 'examples/live-counter', ...options], { BUILDER: 'buildah' });
  await must('cluster', [CLUSTER, 'up']);
  await must('image into the cluster', save(IMAGE, 'app'));
  await must('image into the cluster', [CLUSTER, 'load', archive('app'), NEXT]);
  rmSync(archive('app'));
  await must('services into the cluster', save(SERVICES, 'services'));
  await must('services into the cluster', [CLUSTER, 'load', archive('services')]);
  rmSync(archive('services'));
}

async function must(name, command, env) {
  const code = await stage(name, command, env);
  if (code !== 0) throw new Error(`${name}: ${command.join(' ')} ended with ${code}`);
}

/** Runs one command, in a process group of its own so that a Ctrl-C ends it in order, and settles with its exit code. */
function stage(name, [command, ...args], env) {
  if (isInterrupted) throw new Error('interrupted');
  console.log(`\n--- ${name}`);
  const begun = performance.now();
  return new Promise((resolve) => {
    child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
      env: { ...process.env, ...env },
    });
    const ended = (code) => {
      times.push({ name, seconds: (performance.now() - begun) / 1000 });
      child = undefined;
      resolve(code);
    };
    child.once('error', (error) => {
      console.error(`${command}: ${error.message}`);
      ended(1);
    });
    child.once('close', (code) => ended(code ?? 1));
  });
}
