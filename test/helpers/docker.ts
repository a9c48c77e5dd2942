/** The image under test in a real Docker: both come from the runner (scripts/test/tiers.mjs, `image`). */

import { spawnSync } from 'node:child_process';

/** Generous: a container starts in a second, on a loaded machine in ten. */
const DEADLINE_MS = 120_000;

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this with --tier=image`);
  return value;
}

export const image = given('DM_IMAGE');
/** The image's files as .tar.gz. */
export const rootfs = given('DM_ROOTFS');

export interface Outcome {
  code: number | null;
  /** stdout, then stderr. */
  text: string;
}

export function execute(argv: readonly [string, ...string[]]): Outcome {
  const [file, ...args] = argv;
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    encoding: 'utf8',
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' }, // npm's would be left in the folder of the run
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 26,
  });
  if (error) throw error;
  return { code: status, text: `${stdout}${stderr}` };
}

export const docker = (...args: string[]): Outcome => execute([given('DM_DOCKER'), ...args]);

export interface ContainerOptions {
  /** Docker's own arguments, such as `--pid=host`. */
  how?: string[];
  /** Full names; everything else is dropped. */
  capabilities?: readonly string[];
}

/** Runs `command` in a container of the image, without network, with a tmpfs at /tmp, and removes it. */
export function inImage(command: readonly string[], { how = [], capabilities = [] }: ContainerOptions = {}) {
  const caps = capabilities.map(name => `--cap-add=${name.replace(/^CAP_/, '')}`);
  const fixed = ['--rm', '--network=none', '--tmpfs=/tmp', '--cap-drop=ALL'];
  return docker('run', ...fixed, ...caps, ...how, image, ...command);
}

export interface Label {
  binds: string[];
  capabilities: string[];
  devices: { path: string; type: string }[];
  rootfsPropagation: string;
  pid: string;
}

/** What LinuxKit reads: the value of the label org.mobyproject.config. */
export function labelOfImage(): Label {
  const { text } = docker(
    'image',
    'inspect',
    '--format',
    '{{index .Config.Labels "org.mobyproject.config"}}',
    image,
  );
  return JSON.parse(text);
}
