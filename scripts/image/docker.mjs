// A Docker to build and try the image with: the machine's own when one answers, else a dockerd that we
// start, whose images are kept in the cache folder and which ends with us.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { dockerAnswers } from '../lib/docker.mjs';
import { cacheDir } from '../lib/paths.mjs';
import { Failure, has, output, say, status } from '../lib/run.mjs';

const START_MS = 90_000;
const STOP_MS = 30_000;
/** Another run's dockerd has the same folder of images: then we wait for it to end. */
const LOCK_SECONDS = 600;

/** What is unmounted on the machine goes from the new namespace too: a copy that stayed would keep its filesystem busy. */
const SLAVE = ['--propagation', 'slave'];
/** Mounts in the new mount namespace: a live Docker's sockets are out of sight and out of reach. */
const ENTER = `mkdir -p /run/docker /run/containerd
mount -t tmpfs tmpfs /run/docker && mount -t tmpfs tmpfs /run/containerd && exec "$@"`;

function daemonArguments(folder, network) {
  writeFileSync(join(folder, 'daemon.json'), '{}'); // the machine's settings are for the machine's Docker
  return [
    // Ended by the kernel when we are killed; ended in order, and waited for, in all other cases.
    ...['--pdeathsig', 'TERM', '--', 'flock', '--timeout', String(LOCK_SECONDS), '--no-fork'],
    ...[
      join(cacheDir, 'docker.lock'),
      'unshare',
      '--mount',
      ...SLAVE,
      ...(network === 'host' ? [] : ['--net']),
      '--',
    ],
    ...['sh', '-c', ENTER, 'sh', 'dockerd'],
    ...['--data-root', join(cacheDir, 'docker'), '--exec-root', join(folder, 'exec')],
    ...['--host', `unix://${folder}/docker.sock`, '--pidfile', join(folder, 'pid')],
    ...['--config-file', join(folder, 'daemon.json')],
    // The firewall and the routing of the machine stay as they are.
    ...['--iptables=false', '--ip-forward=false', '--bridge=none'],
  ];
}

/** Runs the client: `output` and `status` as in ../lib/run.mjs, for arguments after `docker`. */
function client({ argv, env, own, stop }) {
  const environment = { ...process.env, DOCKER_BUILDKIT: '1', ...env };
  return {
    argv,
    env: { ...env, DOCKER_BUILDKIT: '1' },
    own,
    stop,
    output: (args, options = {}) => output([...argv, ...args], { env: environment, ...options }),
    status: (args, options = {}) => status([...argv, ...args], { env: environment, ...options }),
    spawn: (args, options = {}) =>
      spawn(argv[0], [...argv.slice(1), ...args], { env: environment, ...options }),
  };
}

/**
 * The client of a Docker that answers. `own` says that we started it: `stop` ends it then, else it does
 * nothing. `network: 'none'` gives a daemon of ours a network namespace without any network; 'host' lets
 * builds fetch things.
 */
export async function startDocker({ network }) {
  if (dockerAnswers()) return client({ argv: ['docker'], env: {}, own: false, stop: async () => {} });
  if (!has('dockerd')) throw new Failure('No Docker answers, and there is no dockerd to start (docker.io).');
  if (process.getuid() !== 0)
    throw new Failure('No Docker answers, and only root can start one. Start yours, or run this as root.');
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync('/run/dm-docker-'); // short: the path of a UNIX socket has 107 bytes
  const log = join(folder, 'log');
  const out = openSync(log, 'w');
  const { DM_TEST, ...env } = process.env; // else it would be found as left behind by a test
  const child = spawn('setpriv', daemonArguments(folder, network), {
    cwd: '/',
    detached: true, // Ctrl-C is for us; we end it in order
    env,
    stdio: ['ignore', out, out],
  });
  closeSync(out);
  let ended = false;
  for (const event of ['error', 'exit'])
    child.on(event, () => {
      ended = true;
    });
  const stop = async () => {
    const deadline = Date.now() + STOP_MS;
    if (!ended) child.kill('SIGTERM');
    while (!ended) {
      if (Date.now() > deadline) child.kill('SIGKILL');
      await pause(50);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  // The client that came with the daemon: BuildKit is a plugin since 23, which a newer one in PATH may lack.
  const argv = [has('/usr/bin/docker') ? '/usr/bin/docker' : 'docker'];
  const socket = { DOCKER_HOST: `unix://${folder}/docker.sock` };
  let since = 0; // when it got the lock: its first line is in the log then
  let told = false;
  while (!dockerAnswers(argv, socket)) {
    const words = readFileSync(log, 'utf8').trim();
    if (words && !since) since = Date.now();
    if (ended || (since && Date.now() > since + START_MS)) {
      await stop();
      const last = words.split('\n').slice(-15).join('\n');
      throw new Failure(
        `dockerd does not start: ${last || `another one has its folder for ${LOCK_SECONDS} s`}`,
      );
    }
    if (!words && !told) say('docker: starting dockerd, once no other run has one');
    told = true;
    await pause(200);
  }
  return client({ argv, env: socket, own: true, stop });
}
