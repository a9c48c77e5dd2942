// The tier `vm`: what machines boot is prepared once, then each test file boots its own; one file at a time per CPU.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writePrepared } from '../vm/prepare.mjs';
import { guestCpus } from './guest.mjs';
import { runAva } from './host.mjs';

const minute = 60_000;
const FILE = 'vm.json';

export async function runVmTier(run, files) {
  const path = join(run.folder, FILE);
  await writePrepared(path);
  process.env.SEED ||= run.id;
  process.stdout.write(`  SEED=${process.env.SEED}\n`);
  const deadlineMs = run.deadlineMs ?? (process.env.FULL ? 90 : 40) * minute;
  const queue = files.map(file => ({ file, attempt: 1 }));
  const lane = async cpu => {
    // Of its own, so that what one file leaves behind is told, and taken away, while another runs.
    const folder = join(run.folder, `vm-${cpu}`);
    for (let next = queue.shift(); next && !run.stopped; next = queue.shift()) {
      const { file, attempt } = next;
      mkdirSync(folder);
      const env = run.env({ DM_VM: path, TMPDIR: folder });
      const result = await runAva({ files: [file], args: ['--serial'], env, deadlineMs });
      const left = readdirSync(folder);
      rmSync(folder, { recursive: true, force: true });
      if (run.again(file, result, attempt)) {
        queue.push({ file, attempt: attempt + 1 });
        continue;
      }
      run.report(file, result);
      for (const each of left) run.fail(`${file} left behind: ${each}`);
    }
  };
  await Promise.all(guestCpus().map(lane));
  rmSync(path);
}
