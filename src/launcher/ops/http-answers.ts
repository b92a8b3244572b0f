import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeOf, LauncherError, messageOf } from '../errors';

const LARGEST_BODY = 1024 * 1024;

const STATUS: Record<string, number> = {
  E_OPS_REQUEST: 400,
  E_OPS_TOKEN: 401,
  E_OPS_NO_SUCH_SOCKET: 404,
  E_OPS_NO_WORKER: 503,
  E_OPS_WORKER_SILENT: 503,
  E_OPS_NO_SOCKETS: 404,
};

/** Sends an answer; nothing of it may be kept by anybody in between. */
export function answer(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  answer(response, status, 'application/json; charset=utf-8', `${JSON.stringify(body)}\n`);
}

export function answerError(response: ServerResponse, error: unknown): void {
  const code = codeOf(error) ?? 'E_OPS_FAILED';
  answerJson(response, STATUS[code] ?? 500, { code, message: messageOf(error) });
}

/**
 * Reads a JSON object.
 * @throws LauncherError `E_OPS_REQUEST`
 */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  // pages of other sites cannot send this type without asking first
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    throw new LauncherError('E_OPS_REQUEST', 'The body must be JSON: send Content-Type: application/json.');
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > LARGEST_BODY) {
      throw new LauncherError('E_OPS_REQUEST', `The body is larger than ${LARGEST_BODY} bytes.`);
    }
    chunks.push(chunk as Buffer);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString() || '{}');
  } catch (error) {
    throw new LauncherError('E_OPS_REQUEST', `The body is not JSON: ${messageOf(error)}`);
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw new LauncherError('E_OPS_REQUEST', 'The body must be a JSON object.');
}

/**
 * A text that a request must have.
 * @throws LauncherError `E_OPS_REQUEST`
 */
export function requiredText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new LauncherError('E_OPS_REQUEST', `"${name}" is missing: it must be a text.`);
}
