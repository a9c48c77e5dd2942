/** Which of the kernel's block devices are disks that `--storage-device=auto` considers. Pure. */

export interface DiskFacts {
  /** The kernel's name: `sda`. */
  name: string;
  /** `/dev/sda` */
  path: string;
  /** `major:minor`; undefined for a hidden one, like the paths of a multipath NVMe disk (`nvme0c0n1`). */
  number: string | undefined;
  /** Whether `path` is a device of that number. */
  hasNode: boolean;
  sizeBytes: number;
  removable: boolean;
  /** As the disk states it, '' when it does not. */
  model: string;
}

const MADE_OF_OTHERS = 'made of other disks';
const REMOVABLE = 'removable';
const NO_DISKS: readonly [RegExp, string][] = [
  [/^(sr|scd)\d/, 'an optical drive'],
  [/^fd\d/, 'a floppy drive'],
  [/^loop\d/, 'a loop device'],
  [/^z?ram\d/, 'memory'],
  [/^zd\d/, 'a volume of a ZFS pool'],
  [/^nbd\d/, 'a network block device'],
  [/^(dm-|md)\d/, MADE_OF_OTHERS],
  [/^mtdblock\d/, 'flash memory'],
  [/^mmcblk\d+(boot\d|rpmb)/, 'a boot area'],
];

/** Why a device is left out without a look at what it carries; undefined for a disk. */
export function skipReason(disk: DiskFacts, loopsAreDisks: boolean): string | undefined {
  const kind = NO_DISKS.find(([pattern]) => pattern.test(disk.name));
  if (kind && !(loopsAreDisks && disk.name.startsWith('loop'))) return kind[1];
  if (disk.number === undefined) return 'a hidden path of another disk';
  if (disk.sizeBytes === 0) return 'it is empty';
  return disk.removable ? REMOVABLE : undefined;
}

/** Whether a pool may lie on a device or its partitions at all: also on those that `auto` leaves out. */
export function mayHoldPool(disk: DiskFacts): boolean {
  const skip = skipReason(disk, true);
  return skip === undefined || mayHoldThough(skip);
}

/** The same of one that `auto` leaves out, by its reason. */
export function mayHoldThough(skip: string): boolean {
  return skip === REMOVABLE || skip === MADE_OF_OTHERS;
}

/**
 * Disks whose content goes when the machine stops, by the model that the cloud gives them: Amazon's instance store,
 * Google's local SSDs by NVMe and SCSI (its persistent disks are `nvme_card-pd` and `PersistentDisk`), Azure's.
 */
const THROW_AWAY: readonly RegExp[] = [
  /^Amazon EC2 NVMe Instance Storage$/,
  /^nvme_card\d*$/,
  /^EphemeralDisk$/,
  /^Microsoft NVMe Direct Disk( v\d+)?$/,
];

/** Why a disk gets no new pool, although one that is on it counts. */
export function spareReason({ model }: Pick<DiskFacts, 'model'>): string | undefined {
  return THROW_AWAY.some(pattern => pattern.test(model))
    ? `a disk that does not outlive the machine (${model}); name it to use it`
    : undefined;
}
