/**
 * What a crash may never do, judged from outside the programs: two pools, two dots, a lost one. A bash script gathers
 * on the host and inside a guest alike; what it found is judged here.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dotsRoot, PROPERTY } from '../../src/model/layout.ts';
import { DEFAULT_SUBDOT } from '../../src/model/names.ts';
import { parseMountInfo } from '../../src/system/mount-table.ts';

export interface Case {
  pool: string;
  /** Name of the one dot that there shall be. */
  dot: string;
  mountpoint: string;
}

export interface Findings {
  /** Of every imported pool with the name. */
  poolGuids: string[];
  /** Of every filesystem below dmfs: its name and the dot's name on it (`-` without one). */
  datasets: { dataset: string; dot: string }[];
  /** Source and root of what is mounted at the mountpoint, the topmost last. */
  mounts: { source: string; root: string }[];
  /** The files in the dot that begin with `marker`. */
  markers: string[];
}

/** A bash script that gathers into files in `folder`. */
export function gatherScript({ pool, mountpoint }: Case, folder: string): string {
  return `mkdir -p '${folder}'
zpool list -H -o name,guid >'${folder}/pools' 2>'${folder}/errors'
zfs list -H -r -t filesystem -o name,${PROPERTY.name} '${dotsRoot(pool)}' >'${folder}/datasets' 2>>'${folder}/errors'
cat /proc/self/mountinfo >'${folder}/mounts'
ls '${mountpoint}' >'${folder}/files' 2>>'${folder}/errors' || true
`;
}

export function readFindings({ pool, mountpoint }: Case, folder: string): Findings {
  const text = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '';
  const rows = (name: string) =>
    text(name)
      .split('\n')
      .filter(line => line !== '')
      .map(line => line.split('\t'));
  return {
    poolGuids: rows('pools').flatMap(([name, guid = '']) => (name === pool ? [guid] : [])),
    datasets: rows('datasets')
      .map(([dataset = '', dot = '']) => ({ dataset, dot }))
      .filter(({ dataset }) => dataset.startsWith(`${dotsRoot(pool)}/`)),
    mounts: parseMountInfo(text('mounts'))
      .filter(mount => mount.mountpoint === mountpoint)
      .map(({ source, root }) => ({ source, root })),
    markers: rows('files').flatMap(([name = '']) => (name.startsWith('marker') ? [name] : [])),
  };
}

/** What is wrong after a run that ended well; `before` is what had been found earlier. Pure. */
export function faultsOf({ dot }: Case, now: Findings, before?: Findings): string[] {
  const faults: string[] = [];
  const [dataset] = now.datasets;
  if (now.poolGuids.length !== 1) faults.push(`${now.poolGuids.length} pools`);
  if (now.datasets.length !== 1 || dataset?.dot !== dot)
    faults.push(`dots: ${JSON.stringify(now.datasets)} instead of one "${dot}"`);
  const expected = { source: dataset?.dataset, root: `/${DEFAULT_SUBDOT}` };
  if (JSON.stringify(now.mounts) !== JSON.stringify([expected]))
    faults.push(`mounted: ${JSON.stringify(now.mounts)} instead of ${JSON.stringify([expected])}`);
  if (!before) return faults;
  if (before.poolGuids.some(guid => !now.poolGuids.includes(guid))) faults.push('the pool is another one');
  for (const old of before.datasets) {
    if (!now.datasets.some(each => each.dataset === old.dataset)) faults.push(`lost: ${old.dataset}`);
  }
  for (const name of before.markers) {
    if (!now.markers.includes(name)) faults.push(`lost: the file ${name}`);
  }
  return faults;
}

/** How many pools of that name `zpool import -d PLACE` offers. Pure. */
export function offered(pool: string, text: string): number {
  return text.split('\n').filter(line => line.trim() === `pool: ${pool}`).length;
}
