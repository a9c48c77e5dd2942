import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { serverPrograms } from '../../../scripts/lib/postgresql.mjs';

test('PostgreSQL is there when initdb is: the client alone does not count, the newest server does', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'postgresql-'));
  const put = async (version: string, program: string) => {
    const bin = join(folder, version, 'bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, program), '');
    return bin;
  };
  try {
    t.is(serverPrograms(join(folder, 'absent'), ''), undefined);
    const client = await put('16', 'psql');
    t.is(serverPrograms(folder, client), undefined);
    const old = await put('9', 'initdb');
    t.is(serverPrograms(folder, ''), old);
    const current = await put('15', 'initdb');
    t.is(serverPrograms(folder, old), current);
    t.is(serverPrograms(join(folder, 'absent'), `${client}:${old}`), old);
  } finally {
    await rm(folder, { recursive: true });
  }
});
