import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Sails } from 'sails';
import flotillaHook from '../../../dist/hook/index.js';

// biome-ignore lint/suspicious/noExplicitAny: tests reach into everything of a Sails app
export type App = any;

/** A lifted app and how to get rid of it. */
export interface Lifted {
  app: App;
  port: number;
  url: string;
  lower(): Promise<void>;
}

const open = new Set<Lifted>();

/** Sails refuses port 0 in its configuration; a hook can still put it there. */
function anyPort(app: App) {
  return {
    configure() {
      app.config.port = 0;
    },
  };
}

/** The configuration of a small app on a free port of 127.0.0.1, in an empty folder. */
export function appConfig(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  const { hooks, ...rest } = overrides as { hooks?: Record<string, unknown> };
  return {
    explicitHost: '127.0.0.1',
    environment: 'development',
    globals: false,
    log: { level: 'error', noShip: true },
    hooks: { grunt: false, sockets: flotillaHook, anyPort, ...hooks },
    security: { csrf: false },
    ...rest,
  };
}

/**
 * Lifts an app; {@link lowerAll} lowers it at the end of a test. Rejects as `sails.lift()` does.
 * @param files the app's files, by path within it
 */
export async function lift(
  overrides: Record<string, unknown> = {},
  files: Record<string, string> = {},
): Promise<Lifted> {
  const appPath = mkdtempSync(join(tmpdir(), 'flotilla-hook-'));
  for (const [name, text] of Object.entries(files)) {
    const path = join(appPath, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const app: App = Sails();
  try {
    await new Promise<void>((resolve, reject) => {
      app.lift({ appPath, ...appConfig(overrides) }, (error: unknown) => (error ? reject(error) : resolve()));
    });
  } catch (error) {
    rmSync(appPath, { recursive: true, force: true });
    throw error;
  }
  const { port } = app.hooks.http.server.address() as AddressInfo;
  const secure = Boolean(app.config.ssl?.cert ?? app.config.http?.serverOptions?.cert);
  const lifted: Lifted = {
    app,
    port,
    url: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`,
    async lower() {
      open.delete(lifted);
      await new Promise<void>((resolve, reject) => {
        app.lower((error: unknown) => (error ? reject(error) : resolve()));
      });
      rmSync(appPath, { recursive: true, force: true });
    },
  };
  open.add(lifted);
  return lifted;
}

/** Lowers what is still lifted. */
export async function lowerAll(): Promise<void> {
  await Promise.all([...open].map((lifted) => lifted.lower()));
}
