import { resolve } from 'node:path';
import { Option } from 'commander';
import { type PodRecord, readPodRecords } from '../launcher/ops/pod-record';
import { DEFAULT_OPS_HOST, DEFAULT_OPS_PORT } from '../launcher/ops/settings';
import { CommandError, EXIT } from './exit-codes';
import { OpsClient } from './ops-client';

/** The options of every command that talks to a pod. */
export interface PodFlags {
  url?: string;
  pod?: string;
}

/** The pod that a command talks to. */
export interface FoundPod {
  client: OpsClient;
  /** Where it runs on this machine under this user. */
  record: PodRecord | undefined;
}

/** `--url` and `--pod`. */
export function podOptions(): Option[] {
  return [
    new Option('--url <url>', 'the ops server of the pod (default: the one pod that runs here)').env(
      'FLOTILLA_OPS_URL',
    ),
    new Option('--pod <pod>', 'which of several pods that run here: its name, process id or directory'),
  ];
}

/**
 * Finds the pod: at the address that was given, else the one that runs on this machine under this user, that of the current
 * directory before others.
 * @throws CommandError where there is none, or more than one
 */
export function findPod({ url, pod }: PodFlags): FoundPod {
  const records = readPodRecords();
  const token = process.env.FLOTILLA_OPS_TOKEN;
  if (url) {
    const plain = checkUrl(url);
    const record = records.find((each) => each.url === plain);
    return { client: new OpsClient(plain, token || record?.token), record };
  }
  const record = choose(records, pod);
  if (record) return { client: new OpsClient(record.url, record.token), record };
  return { client: new OpsClient(`http://${DEFAULT_OPS_HOST}:${DEFAULT_OPS_PORT}`, token), record: undefined };
}

function choose(records: PodRecord[], pod: string | undefined): PodRecord | undefined {
  if (pod !== undefined) {
    const named = records.filter(
      ({ name, pid, appPath }) => name === pod || String(pid) === pod || appPath === resolve(pod),
    );
    if (named.length === 1) return named[0];
    throw new CommandError(
      named.length === 0 ? EXIT.noPod : EXIT.usage,
      named.length === 0 ? 'E_NO_POD' : 'E_SEVERAL_PODS',
      named.length === 0
        ? `No pod "${pod}" runs on this machine under this user.${listed(records)}`
        : `Several pods are called "${pod}": name one by its process id.${listed(named)}`,
    );
  }
  if (records.length <= 1) return records[0];
  const here = records.filter(({ appPath }) => appPath === process.cwd());
  if (here.length === 1) return here[0];
  throw new CommandError(EXIT.usage, 'E_SEVERAL_PODS', `Several pods run here: name one with --pod.${listed(records)}`);
}

function listed(records: PodRecord[]): string {
  return records.map(({ name, pid, appPath, url }) => `\n  ${name} (process ${pid}, ${appPath}) at ${url}`).join('');
}

/** What people write: a whole address, or host and port. */
function checkUrl(text: string): string {
  const withScheme = /^https?:\/\//.test(text) ? text : `http://${text}`;
  try {
    return new URL(withScheme).href.replace(/\/$/, '');
  } catch {
    throw new CommandError(EXIT.usage, 'E_COMMAND', `--url "${text}" is no address: write http://host:9090.`);
  }
}
