import { codeOf, LauncherError, messageOf } from './errors';
import type { FrontDoor } from './front-door/front-door';
import type { Logger } from './logger';
import {
  changedKeys,
  differencesBetween,
  type PublicAddress,
  type SettingsDocument,
  validateSettings,
} from './settings-document';
import type { WorkerProcess } from './worker-process';

/** What new workers may bring in another form at a reload: the primary does not depend on it. */
const APPLICABLE: ReadonlySet<string> = new Set<keyof SettingsDocument>([
  'trustProxy',
  'sessionAdapter',
  'sessionSecretDigest',
]);

/**
 * Agrees with the workers on the settings that only they can read: the first one's document opens the front door, and every
 * later one must be the same. At a reload the documents may change in what the primary can apply.
 */
export class SettingsAgreement {
  #agreed: { documents: SettingsDocument[]; address: Promise<PublicAddress> } | undefined;
  #isReloading = false;

  /**
   * @param onAgreed does what has to be done before the first worker goes on
   * @param once whether this pod does what is done once for the fleet; asked after that
   */
  constructor(
    private readonly door: FrontDoor,
    private readonly log: Logger,
    private readonly onAgreed: (document: SettingsDocument, address: PublicAddress) => Promise<void>,
    private readonly once: () => boolean,
  ) {}

  /** Answers a worker that told its settings. */
  async answer(worker: WorkerProcess, value: unknown): Promise<void> {
    try {
      const document = validateSettings(value);
      const address = await this.#agree(document);
      worker.send({ flotilla: 'agreed', address, once: this.once() });
    } catch (error) {
      worker.send({ flotilla: 'refused', code: codeOf(error) ?? 'E_LISTEN', message: messageOf(error) });
    }
  }

  /** From now on new workers may bring changed settings. */
  beginReload(): void {
    this.#isReloading = true;
  }

  /** @param isComplete whether every worker has the new settings; else workers with old and with new ones stay */
  endReload(isComplete: boolean): void {
    this.#isReloading = false;
    const documents = this.#agreed?.documents;
    if (isComplete) documents?.splice(0, documents.length - 1);
  }

  #agree(document: SettingsDocument): Promise<PublicAddress> {
    if (!this.#agreed) {
      this.#agreed = { documents: [document], address: this.#open(document) };
      return this.#agreed.address;
    }
    const { documents, address } = this.#agreed;
    const newest = documents.at(-1) as SettingsDocument;
    const differences = differencesBetween(newest, document);
    if (documents.some((known) => differencesBetween(known, document).length === 0)) return address;
    if (this.#isReloading && changedKeys(newest, document).every((key) => APPLICABLE.has(key))) {
      documents.push(document);
      return address;
    }
    throw new LauncherError(
      'E_SETTINGS_DIFFER',
      `This worker's settings differ from those the pod runs with: ${differences.join('; ')}. Restart flotilla to apply changed settings; settings must not depend on the process.`,
    );
  }

  async #open(document: SettingsDocument): Promise<PublicAddress> {
    const address = await this.door.open(document);
    await this.onAgreed(document, address);
    this.log.info({ address: address.address, port: address.port }, `listening on ${address.url}`);
    return address;
  }
}
