// One test file at a time per CPU.
import { guestCpus } from './guest.mjs';

/**
 * Runs the files in their order, as many at once as there are lanes; what is to be run again goes to the end.
 *
 * @param runFile (file, cpu) → its result, with `leftovers`: what it left behind, one text each
 */
export async function runInLanes(run, files, runFile) {
  const queue = files.map(file => ({ file, attempt: 1 }));
  const lane = async cpu => {
    for (let next = queue.shift(); next && !run.stopped; next = queue.shift()) {
      const { file, attempt } = next;
      const { leftovers, ...result } = await runFile(file, cpu);
      if (run.again(file, result, attempt)) {
        queue.push({ file, attempt: attempt + 1 });
        continue;
      }
      run.report(file, result);
      for (const each of leftovers) run.fail(`${file} left behind: ${each}`);
    }
  };
  await Promise.all(guestCpus().map(lane));
}
