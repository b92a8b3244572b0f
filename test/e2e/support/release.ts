import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from './kubernetes';
import { CHART, exampleValues } from './values';

/** A release of the chart, with the example in it. */
export class Release {
  private revision = 0;

  /** @param folder for files of values, somebody else's to remove */
  constructor(
    private readonly namespace: Namespace,
    private readonly name: string,
    private readonly folder: string,
  ) {}

  /** Installs or upgrades it; with `--wait` settles when helm says that the new pods are ready. */
  upgrade(values: object, ...options: string[]): Promise<string> {
    const file = join(this.folder, `${this.name}-${++this.revision}.yaml`);
    writeFileSync(file, exampleValues(values));
    return this.namespace.helm('upgrade', '--install', this.name, CHART, '-f', file, '--timeout', '140s', ...options);
  }
}
