// Images made from files of this machine: what a build without network starts from in place of a registry's.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Failure } from '../lib/run.mjs';

/** `repository:<hash of what decides the content>`. */
export function nameFor(repository, parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return `${repository}:${hash.digest('hex').slice(0, 16)}`;
}

export const hasImage = (docker, name) =>
  docker.status(['image', 'inspect', name], { stdio: 'ignore' }) === 0;

/**
 * Packs with tar(1) as `tarArguments` say, straight into `docker import`: no file, no copy in memory. What
 * the repository held before is removed: nothing uses it once there is a newer one.
 */
export async function importTar(docker, name, tarArguments) {
  const tar = spawn('tar', ['--numeric-owner', '--owner=0', '--group=0', '-c', ...tarArguments], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const load = docker.spawn(['import', '-', name], { stdio: [tar.stdout, 'ignore', 'inherit'] });
  tar.stdout.destroy(); // the pipe is the child's now
  const [[packed], [loaded]] = await Promise.all([once(tar, 'exit'), once(load, 'exit')]);
  if (packed !== 0 || loaded !== 0)
    throw new Failure(`${name} could not be made (tar ended with ${packed}, docker import with ${loaded}).`);
  const repository = name.split(':')[0];
  const all = docker.output(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', repository]);
  for (const old of all.split('\n').filter(each => each && each !== name))
    docker.status(['image', 'rm', old], { stdio: 'ignore' }); // one that a container uses stays
}
