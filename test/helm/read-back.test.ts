import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProgram } from '../support/program';
import { type Container, only, renderCi } from './support/chart';

describe('helm test of mode gateway', () => {
  const WANTED = { sessionName: 'flotilla-pod', type: 'Cookie' };

  /** Runs the pod's command against an API server that has the route like this. */
  async function readBack(status: number, route: object) {
    let authorization: string | undefined;
    const api = createServer((request, response) => {
      authorization = request.headers.authorization;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(route));
    }).listen(0, '127.0.0.1');
    await once(api, 'listening');
    onTestFinished(() => void api.close());
    const folder = mkdtempSync(join(tmpdir(), 'flotilla-token-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'token'), 'its-token');

    const pod = only(renderCi('mode-gateway'), 'Pod', 'demo-flotilla-test-persistence').spec as {
      containers: Container[];
    };
    const { command: [, ...args] = [], env = [] } = pod.containers[0] as Container;
    const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    expect(variables.ROUTE).toMatch(
      /^https:\/\/kubernetes\.default\.svc\/apis\/.*\/namespaces\/apps\/httproutes\/demo-flotilla$/,
    );
    const program = startProgram(process.execPath, args, {
      cwd: folder,
      env: {
        WANTED: variables.WANTED,
        ROUTE: `http://127.0.0.1:${(api.address() as AddressInfo).port}/`,
        TOKEN_FILE: join(folder, 'token'),
      },
    });
    const { code, output } = await program.ended();
    expect(authorization).toBe('Bearer its-token');
    return { code, output };
  }

  it('passes where the cluster has kept sessionPersistence, defaults filled in', async () => {
    const route = {
      spec: { rules: [{ sessionPersistence: { ...WANTED, cookieConfig: { lifetimeType: 'Session' } } }] },
    };
    expect(await readBack(200, route)).toMatchObject({ code: 0, output: expect.stringMatching(/is there/) });
  });

  it('fails where it was dropped, and says what to do', async () => {
    const { code, output } = await readBack(200, { spec: { rules: [{}] } });
    expect(output).toMatch(/sessionPersistence is undefined in the cluster.*experimental channel/);
    expect(code).toBe(1);
  });

  it('fails where the route can not be read', async () => {
    const { code, output } = await readBack(403, { message: 'not yours' });
    expect(output).toMatch(/answered 403: not yours/);
    expect(code).toBe(1);
  });
});
