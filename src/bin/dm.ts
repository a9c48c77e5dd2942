/** The client program. */

import { main } from '../cli/main.ts';

// Each stream is opened when it is first asked for: opening all three takes longer than `dm version`.
const io = {
  env: process.env,
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
};

main(process.argv.slice(2), io).then(code => {
  process.exitCode = code;
});
