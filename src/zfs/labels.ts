/** Vdev labels, as `zdb -l` prints them. */

import { type Details, DmError, isDmError } from '../lib/errors.ts';
import { zdb } from './command.ts';
import type { Label } from './index.ts';

/**
 * Labels of a device or file; OpenZFS prints equal ones once, and so do we.
 *
 * @throws DmError device/DEVICE_UNREADABLE; ZFS_MISSING, ZFS_HUNG
 */
export async function readLabels(device: string): Promise<Label[]> {
  const unreadable = (details: Details) =>
    new DmError('device', 'DEVICE_UNREADABLE', `${device} can not be read.`, details);
  try {
    // 2: no label; 1: some are damaged, or not where they should be on a device that has grown, or nothing was read.
    const { stdout, exitCode } = await zdb(['-l', device], device, { okCodes: [0, 1, 2] });
    const labels = parseLabels(stdout);
    if (exitCode === 1 && labels.length === 0) throw unreadable({});
    return labels;
  } catch (error) {
    if (isDmError(error, 'ZFS_HUNG') || isDmError(error, 'ZFS_MISSING')) throw error;
    throw isDmError(error, 'DEVICE_UNREADABLE') ? error : unreadable({ cause: error });
  }
}

/** Pure. Labels that could not be unpacked are left out. */
export function parseLabels(text: string): Label[] {
  const labels = text
    .split(/^LABEL \d.*$/m)
    .slice(1)
    .flatMap(part => parseLabel(part) ?? []);
  const seen = new Set<string>();
  return labels.filter(label => {
    const key = JSON.stringify(label);
    return !seen.has(key) && seen.add(key);
  });
}

function parseLabel(text: string): Label | undefined {
  const field = (name: string) => new RegExp(`^ {4}${name}: '?(.*?)'?$`, 'm').exec(text)?.[1];
  const guid = field('guid');
  if (guid === undefined) return undefined;
  const hostId = field('hostid');
  return {
    // A spare or a cache device has a label, but belongs to no pool by name.
    poolName: field('name') ?? '',
    poolGuid: field('pool_guid') ?? '',
    guid,
    topGuid: field('top_guid') ?? guid,
    txg: field('txg') ?? '0',
    state: Number(field('state') ?? 0),
    hostId: hostId === undefined ? undefined : Number(hostId).toString(16).padStart(8, '0'),
    hostName: field('hostname'),
    comment: field('comment'),
    vdevChildren: Number(field('vdev_children') ?? 1),
    topType: /^ {8}type: '(.*)'$/m.exec(text)?.[1],
    sizeBytes: numberOf(/^ {8}asize: (\d+)$/m.exec(text)?.[1]),
    paths: [...text.matchAll(/^ {8,}path: '(.*)'$/gm)].map(match => match[1] ?? ''),
  };
}

function numberOf(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
