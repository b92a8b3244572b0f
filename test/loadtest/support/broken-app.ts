import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EXAMPLE, exampleInstalled } from '../../support/example-install';

/**
 * A copy of the example with one file broken on purpose.
 * @param change what is done to the file's text; it must change something
 */
export async function breakApp(folder: string, file: string, change: (source: string) => string): Promise<string> {
  await exampleInstalled();
  const app = join(folder, 'app');
  await cp(EXAMPLE, app, {
    recursive: true,
    filter: (source) => !/node_modules|\.tmp$/.test(source.slice(EXAMPLE.length)),
  });
  await symlink(join(EXAMPLE, 'node_modules'), join(app, 'node_modules'));
  const path = join(app, file);
  const source = await readFile(path, 'utf8');
  const broken = change(source);
  if (broken === source) throw new Error(`${file} is not as this test expects: nothing was broken`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, broken);
  return app;
}
