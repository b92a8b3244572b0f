import { codeOf, LauncherError, messageOf } from './errors';
import type { FrontDoor } from './front-door/front-door';
import type { Logger } from './logger';
import { differencesBetween, type PublicAddress, type SettingsDocument, validateSettings } from './settings-document';
import type { WorkerProcess } from './worker-process';

/**
 * Agrees with the workers on the settings that only they can read: the first one's document opens the front door, and every
 * later one must be the same.
 */
export class SettingsAgreement {
  #agreed: { document: SettingsDocument; address: Promise<PublicAddress> } | undefined;

  /**
   * @param onAgreed does what has to be done before the first worker goes on
   */
  constructor(
    private readonly door: FrontDoor,
    private readonly log: Logger,
    private readonly onAgreed: (document: SettingsDocument, address: PublicAddress) => Promise<void>,
  ) {}

  /** Answers a worker that told its settings. */
  async answer(worker: WorkerProcess, value: unknown): Promise<void> {
    try {
      const document = validateSettings(value);
      const address = await this.#agree(document);
      worker.send({ flotilla: 'agreed', address });
    } catch (error) {
      worker.send({ flotilla: 'refused', code: codeOf(error) ?? 'E_LISTEN', message: messageOf(error) });
    }
  }

  #agree(document: SettingsDocument): Promise<PublicAddress> {
    if (!this.#agreed) {
      this.#agreed = { document, address: this.#open(document) };
      return this.#agreed.address;
    }
    const differences = differencesBetween(this.#agreed.document, document);
    if (differences.length === 0) return this.#agreed.address;
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
