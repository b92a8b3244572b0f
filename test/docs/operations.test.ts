import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../support/program';

const ROOT = join(__dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs')).map((name) => join('docs', name)),
].filter((page) => page.endsWith('.md'));
const help = (...args: string[]) =>
  runProgram(process.execPath, [join(ROOT, 'bin', 'flotilla.js'), ...args, '--help'], { cwd: ROOT });

/** What pages write as code: fenced blocks and `spans`. */
function codeOf(text: string): string[] {
  const fenced = [...text.matchAll(/^( *)```[^\n]*\n([\s\S]*?)^\1```/gm)].flatMap(([, , block = '']) =>
    block.split('\n'),
  );
  const spans = [...text.replace(/^( *)```[\s\S]*?^\1```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...fenced, ...spans];
}

describe('the pages', () => {
  it('name no command and no option of one that does not exist', async () => {
    const overview = await help();
    const commands = [...overview.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name as string);
    expect(commands).toEqual(
      expect.arrayContaining(['start', 'run', 'reload', 'stop', 'status', 'top', 'doctor', 'send']),
    );
    const helps = new Map<string, string>();
    const wrong: string[] = [];
    for (const page of PAGES) {
      for (const line of codeOf(read(page))) {
        const [, command, rest = ''] = /(?:^|[\s/$])(?:npx )?flotilla ([a-z]+)\b([^#|;&]*)/.exec(line) ?? [];
        if (!command || /^(https?|docker|kubectl|helm)\b/.test(line)) continue;
        if (!commands.includes(command)) {
          wrong.push(`${page}: ${line}`);
          continue;
        }
        if (!helps.has(command)) helps.set(command, await help(command));
        const [own = ''] = rest.split(/ -- /);
        for (const [option] of own.matchAll(/(?<=\s)--[a-z][a-z-]*/g)) {
          if (!helps.get(command)?.includes(option)) wrong.push(`${page}: ${line}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('name no metric that does not exist', () => {
    const declared = new Set(
      [...read('docs', 'metrics.md').matchAll(/^\| `(flotilla_\w+)` \|/gm)].map(([, name]) => name),
    );
    const named = PAGES.flatMap((page) =>
      [...read(page).matchAll(/\bflotilla_[a-z_]*[a-z]\b(?![…*(])/g)].map(([name]) => ({ page, name })),
    );
    expect(named.length).toBeGreaterThan(80);
    const wrong = named.filter(
      ({ name }) => !declared.has(name) && !declared.has(name.replace(/_(count|bucket|sum)$/, '')),
    );
    expect(wrong).toEqual([]);
  });

  it('docs/operations.md says what to do about every metric that may worry', () => {
    const operations = read('docs', 'operations.md');
    const rows = [...read('docs', 'metrics.md').matchAll(/^\| `(flotilla_\w+)` \| \w+ \|[^|]*\|[^|]*\| (.*) \|$/gm)];
    const worrying = rows.filter(([, , worry = '']) =>
      /\b(Any|grow|Growth|0|above|below|rising|Near|near)\b/.test(worry),
    );
    expect(worrying.length).toBeGreaterThan(15);
    expect(worrying.map(([, name]) => name).filter((name) => !operations.includes(name as string))).toEqual([]);
  });
});
