import { CommandError } from './exit-codes';

/** Writes to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/**
 * Runs a command's work. A failure that it knows is told in a line on standard error, or as `{ "error": … }` on standard
 * output with `--json`; anything else is a fault of ours and keeps its stack.
 * @param act settles with the exit code
 */
export async function runCommand(json: boolean | undefined, act: () => Promise<number> | number): Promise<void> {
  try {
    process.exitCode = await act();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const { code, message, exitCode } = error;
    if (json) print(JSON.stringify({ error: { code, message } }));
    else process.stderr.write(`flotilla: ${message}\n`);
    process.exitCode = exitCode;
  }
}
