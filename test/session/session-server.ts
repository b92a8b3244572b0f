import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type session from 'express-session';

/** What a route of a test does with the session; what it returns is the answer. */
export type SessionHandler = (
  req: IncomingMessage & { session: session.Session & Record<string, unknown>; sessionID: string },
) => unknown;

/** One HTTP server with express-session in front: one "worker". */
export interface SessionServer {
  get(path: string, cookie?: string): Promise<{ status: number; body: unknown; cookie: string | undefined }>;
  close(): Promise<void>;
}

type Options = Partial<session.SessionOptions> & { store: session.Store };

/** Starts a worker that serves these routes with the session options that Sails uses. */
export async function startSessionServer(
  expressSession: typeof session,
  options: Options,
  routes: Record<string, SessionHandler>,
): Promise<SessionServer> {
  const middleware = expressSession({
    secret: 'a secret of the test',
    resave: true,
    saveUninitialized: true,
    ...options,
  }) as unknown as (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

  const listener: RequestListener = (req, res) => {
    const fail = (error: unknown) => {
      if (res.headersSent) return;
      res.statusCode = 500;
      res.end(JSON.stringify(String((error as { code?: unknown }).code ?? error)));
    };
    middleware(req, res, (error) => {
      if (error) return fail(error);
      const handler = routes[(req.url ?? '').split('?')[0] ?? ''];
      Promise.resolve(handler?.(req as Parameters<SessionHandler>[0])).then(
        (answer) => res.end(JSON.stringify(answer ?? null)),
        fail,
      );
    });
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    async get(path, cookie) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: cookie ? { cookie } : {} });
      const text = await response.text();
      return {
        status: response.status,
        body: text ? JSON.parse(text) : undefined,
        cookie: response.headers.get('set-cookie')?.split(';')[0],
      };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
