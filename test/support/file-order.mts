import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Starts test files in such an order that none that takes long is left for the end, where it would run alone: the
 * largest first, counted with what they import from their own folder, since a suite that runs over several links is a
 * short file. The tests of the example come last, for the example may be installed meanwhile.
 */
export default class FileOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const weights = new Map(files.map((file) => [file, weigh(file.moduleId)]));
    return files.toSorted((a, b) => (weights.get(b) as number) - (weights.get(a) as number));
  }
}

function weigh(path: string): number {
  if (path.includes('/test/example/')) return 0;
  const source = readFileSync(path, 'utf8');
  const imported = [...source.matchAll(/ from '\.\/([^']+)'/g)].map(([, name]) => join(dirname(path), `${name}.ts`));
  return imported
    .filter((file) => existsSync(file))
    .reduce((sum, file) => sum + readFileSync(file).length, source.length);
}
