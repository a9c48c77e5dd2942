// The tier `vm`: what machines boot is prepared once, then each test file boots its own; one file at a time per CPU.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writePrepared } from '../vm/prepare.mjs';
import { runAva } from './host.mjs';
import { runInLanes } from './lanes.mjs';

const minute = 60_000;
const FILE = 'vm.json';

export async function runVmTier(run, files) {
  const path = join(run.folder, FILE);
  await writePrepared(path);
  process.env.SEED ||= run.id;
  process.stdout.write(`  SEED=${process.env.SEED}\n`);
  const deadlineMs = run.deadlineMs ?? (process.env.FULL ? 90 : 40) * minute;
  await runInLanes(run, files, async (file, cpu) => {
    // Of its own, so that what one file leaves behind is told, and taken away, while another runs.
    const folder = join(run.folder, `vm-${cpu}`);
    mkdirSync(folder);
    const env = run.env({ DM_VM: path, TMPDIR: folder });
    const result = await runAva({ files: [file], args: ['--serial'], env, deadlineMs });
    const leftovers = readdirSync(folder);
    rmSync(folder, { recursive: true, force: true });
    return { ...result, leftovers };
  });
  rmSync(path);
}
