// The tier `vm`: what machines boot is prepared once, then one test file after the other boots its own.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writePrepared } from '../vm/prepare.mjs';
import { runAva } from './host.mjs';
import { removeLeftovers } from './leftovers.mjs';

const minute = 60_000;
const FILE = 'vm.json';

export async function runVmTier(run, files) {
  const path = join(run.folder, FILE);
  await writePrepared(path);
  process.env.SEED ||= run.id;
  process.stdout.write(`  SEED=${process.env.SEED}\n`);
  const env = run.env({ DM_VM: path });
  const deadlineMs = run.deadlineMs ?? (process.env.FULL ? 60 : 15) * minute;
  for (const file of files) {
    for (let attempt = 1; !run.stopped; attempt++) {
      const result = await runAva({ files: [file], args: ['--serial'], env, deadlineMs });
      if (!run.again(file, result, attempt)) {
        run.report(file, result);
        break;
      }
      await removeLeftovers({ id: run.id, folder: run.folder, keep: [FILE], zfs: false });
    }
  }
  rmSync(path);
}
