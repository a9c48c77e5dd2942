/** Step 1 of dm-linuxkit (the pool) in the test's own process, and as a user runs it. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { createLog } from '../../src/lib/log.ts';
import { ensurePool, type PoolDeps, type PoolOutcome, type PoolRequest } from '../../src/provision/pool.ts';
import { commandLinePools, commandLineZfs, findCapabilities } from '../../src/zfs/command-line.ts';

const log = createLog({ name: 'test', level: 'silent', format: 'json' });

/** The outcome of the step alone, or what it threw. `told`: the lines for a person. */
export async function poolStep(
  poolName: string,
  devices: readonly string[],
  more: Partial<PoolRequest> &
    Partial<Pick<PoolDeps, 'signal' | 'deviceWaitMs' | 'loopsAreDisks'>> & {
      onTell?: (line: string) => void;
    } = {},
): Promise<PoolOutcome & { told: string[] }> {
  const { signal, onTell, deviceWaitMs = 0, loopsAreDisks = false, ...request } = more;
  const capabilities = await findCapabilities();
  const told: string[] = [];
  const outcome = await ensurePool(
    { poolName, devices, storageSizeBytes: 2 ** 30, force: false, takeover: false, ...request },
    {
      pools: commandLinePools(capabilities),
      zfs: commandLineZfs(capabilities),
      log,
      ...(signal ? { signal } : {}),
      deviceWaitMs,
      begun: new Set(),
      loopsAreDisks,
      tell: line => {
        told.push(line);
        onTell?.(line);
      },
    },
  );
  return { ...outcome, told };
}

export interface Ended {
  exitCode: number;
  stderr: string;
}

/**
 * The built dm-linuxkit with these flags, and a dot that it must not get to: at a place where no directory can be
 * made, so that none is left closed.
 */
export function dmLinuxkit(poolName: string, ...flags: string[]): Promise<Ended> {
  const program = join(process.env['DM_DIST'] ?? 'dist', 'dm-linuxkit');
  const node = process.env['DM_NODE'] ?? process.execPath;
  const rest = [`--pool-name=${poolName}`, '--dot=never', '--mountpoint=/proc/dm-never', '--log-level=warn'];
  return new Promise(resolve => {
    const child = execFile(node, [program, ...flags, ...rest], { timeout: 120_000 }, (_, _stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stderr }),
    );
  });
}
