// Whether a Docker answers, asked before anything of it is used or installed.
import { spawnSync } from 'node:child_process';

/** `argv` is the client; a DOCKER_HOST in `env` (or in our own environment) says which daemon. */
export function dockerAnswers(argv = ['docker'], env = {}) {
  const result = spawnSync(argv[0], [...argv.slice(1), 'version', '--format', '{{.Server.Version}}'], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
    timeout: 10_000,
  });
  return result.status === 0;
}
