// A guest with the kernel's OpenZFS, booted from a test on the host: for power cuts, which a guest cannot do to itself.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { GuestEnd, GuestOptions } from '../../scripts/guest/boot.mjs';

export interface BootedGuest {
  /** The process group of the whole guest. */
  pid: number;
  /** SIGKILL to all of it at once. What the guest had written to its disks' images is still there. */
  killPowerCut(): void;
  /** Resolves when the guest has ended, whichever way; status 255 after a power cut. */
  done: Promise<GuestEnd>;
}

/** See scripts/guest/boot.d.mts for the options. The runner has built what a guest needs (DM_GUEST). */
export async function bootGuest(options: GuestOptions): Promise<BootedGuest> {
  const root = process.env['DM_ROOT'] ?? process.cwd();
  // By path at run time: the script finds its neighbours by its own place, so it must not be bundled into the test.
  const script = pathToFileURL(join(root, 'scripts/guest/boot.mjs')).href;
  const { boot } = (await import(script)) as typeof import('../../scripts/guest/boot.mjs');
  const env = { DM_ROOT: root, DM_DIST: join(root, 'dist'), DM_ZFS: 'kernel', ...options.env };
  const { pid, kill, done } = boot({ deadlineMs: 120_000, ...options, env });
  return { pid, killPowerCut: kill, done };
}

/** The CPUs for guests: one each, as many at once as the memory carries. */
export async function guestCpus(): Promise<number[]> {
  const root = process.env['DM_ROOT'] ?? process.cwd();
  const script = pathToFileURL(join(root, 'scripts/test/guest.mjs')).href;
  return ((await import(script)) as { guestCpus(): number[] }).guestCpus();
}
