// guest: disks=1
// Step 1 of dm-linuxkit on the kernel's OpenZFS: what becomes of a pool, and every refusal, with nothing written.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, open, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { DmError } from '../../src/lib/errors.ts';
import { until } from '../../src/lib/retry.ts';
import { readEdges } from '../../src/provision/edges.ts';
import { type Disks, destroyAllPools, makeDisks, poke, sh } from '../helpers/disks.ts';
import { dmLinuxkit, poolStep } from '../helpers/pool-step.ts';

const KIB = 1024;
const MIB = 2 ** 20;
const HOST_ID = '/sys/module/spl/parameters/spl_hostid';

let disks: Disks;
test.beforeEach(async () => {
  disks = await makeDisks();
});
test.afterEach.always(async () => {
  await destroyAllPools();
  await writeFile(HOST_ID, '0');
  await disks.clear();
});

/** The refusal of the step alone: `kind/CODE`, and its text. */
async function refusal(t: ExecutionContext, ...args: Parameters<typeof poolStep>): Promise<DmError> {
  const error = (await t.throwsAsync(poolStep(...args))) as DmError;
  return error;
}

/** Of the edges, where everything that names a device's content lies. */
const sum = async (path: string) => {
  const sizeBytes = Number(
    await sh('bash', '-c', `blockdev --getsize64 ${path} 2>/dev/null || stat -c %s ${path}`),
  );
  const { first, last } = await readEdges(path, sizeBytes);
  return createHash('sha256').update(first).update(last).digest('hex');
};

/** The built program refuses with this exit code and text, and the device is as it was. */
async function refuses(
  t: ExecutionContext,
  device: string,
  expected: { exitCode: number; text: RegExp },
  ...flags: string[]
) {
  const before = await sum(device);
  const ended = await dmLinuxkit('tank', `--storage-device=${device}`, ...flags);
  t.is(ended.exitCode, expected.exitCode, ended.stderr);
  t.regex(ended.stderr, expected.text);
  t.regex(ended.stderr, /dm-linuxkit: error: /);
  t.is(await sum(device), before);
}

test.serial(
  'a blank disk gets one partition and a pool; later runs keep it, or import it after an export',
  async t => {
    const disk = await disks.disk();
    const made = await poolStep('tank', [disk]);
    t.is(made.how, 'created');
    t.regex(await sh('sfdisk', '--dump', disk), /type=6A898CC3-1DD2-11B2-99A6-080020736631.*name="dotmesh"/);
    t.regex(await sh('zpool', 'status', '-P', 'tank'), new RegExp(`${disk}p1 `));
    t.is(await sh('zpool', 'get', '-H', '-o', 'value', 'comment', 'tank'), 'dm-linuxkit');
    t.is(await sh('zfs', 'get', '-H', '-o', 'value', 'dm-linuxkit:pool', 'tank'), 'dm-linuxkit');
    t.is(await sh('zfs', 'get', '-H', '-o', 'value', 'mountpoint', 'tank'), 'none');

    t.is((await poolStep('tank', [disk])).how, 'kept');
    t.is((await poolStep('tank', [`${disk}p1`])).how, 'kept');
    await sh('zpool', 'export', 'tank');
    const again = await poolStep('tank', [disk], { force: true });
    t.is(again.how, 'imported');
    t.is(again.pool.guid, made.pool.guid);
    t.is(await sh('zpool', 'get', '-H', '-o', 'value', 'cachefile', 'tank'), 'none');
  },
);

test.serial('two disks, a partition and a file make pools, and each is found again', async t => {
  const [a, b, c] = [await disks.disk(), await disks.disk(), await disks.disk()];
  const file = await disks.file(0);
  await poolStep('part', [c]);
  await sh('zpool', 'destroy', 'part');
  t.is((await poolStep('part', [`${c}p1`], { force: true })).how, 'created');
  t.is((await poolStep('pair', [a, b])).how, 'created');
  t.is((await poolStep('filed', [file])).how, 'created');
  for (const pool of ['part', 'pair', 'filed']) await sh('zpool', 'export', pool);
  t.is((await poolStep('part', [`${c}p1`])).how, 'imported');
  t.is((await poolStep('pair', [b, a])).how, 'imported');
  t.is((await poolStep('filed', [file])).how, 'imported');
});

test.serial(
  'a power cut between partition and pool, and one within the creation of the pool, are gone on from',
  async t => {
    const disk = await disks.disk();
    await poolStep('tank', [disk]);
    await sh('zpool', 'export', 'tank');
    const size = Number(await sh('blockdev', '--getsize64', `${disk}p1`));
    const end = size - (size % (256 * KIB));
    // Labels without an uberblock: the state before the first transaction group.
    for (const label of [0, 256 * KIB, end - 512 * KIB, end - 256 * KIB])
      await poke(`${disk}p1`, Buffer.alloc(128 * KIB), label + 128 * KIB);
    t.is((await refusal(t, 'other', [disk])).code, 'DEVICE_NOT_BLANK');
    t.is((await poolStep('tank', [disk])).how, 'created');
    await sh('zpool', 'export', 'tank');
    // A partition that is blank.
    await poke(`${disk}p1`, Buffer.alloc(4 * MIB), 0);
    await poke(`${disk}p1`, Buffer.alloc(4 * MIB), size - 4 * MIB);
    t.is((await poolStep('tank', [disk])).how, 'created');
  },
);

test.serial('whatever libblkid knows is refused by name and content, and --force wipes it', async t => {
  const disk = await disks.disk();
  const carry: [RegExp, () => Promise<unknown>][] = [
    [/ext4, "precious"/, () => sh('mkfs.ext4', '-q', '-F', '-L', 'precious', disk)],
    [/swap space/, () => sh('mkswap', '--force', disk)],
    [/an MBR partition table/, () => sh('bash', '-c', `echo 'label: dos' | sfdisk --quiet ${disk}`)],
    [/data of an unknown kind/, () => poke(disk, Buffer.from('x'), 700 * KIB)],
  ];
  for (const [text, make] of carry) {
    await make();
    await refuses(t, disk, { exitCode: 3, text });
    t.is((await poolStep('tank', [disk], { force: true })).how, 'created');
    await sh('zpool', 'destroy', 'tank');
    await sh('wipefs', '--all', '--force', '--quiet', disk);
    await poke(disk, Buffer.alloc(8 * MIB), 0);
    await poke(disk, Buffer.alloc(8 * MIB), 504 * MIB);
    await sh('partx', '--delete', disk).catch(() => undefined);
  }
});

test.serial(
  'a partition table with partitions is refused, and --force frees the disk of all of them',
  async t => {
    const disk = await disks.disk();
    await sh('bash', '-c', `printf 'label: gpt\\nsize=200MiB\\n\\n' | sfdisk --quiet ${disk}`);
    await sh('mkfs.ext4', '-q', '-F', `${disk}p1`);
    await refuses(t, disk, { exitCode: 3, text: /a GPT partition table/ });
    await mkdir('/run/test/mnt', { recursive: true });
    await sh('mount', `${disk}p1`, '/run/test/mnt');
    const error = await refusal(t, 'tank', [disk], { force: true });
    t.is(error.code, 'DEVICE_IN_USE');
    t.regex(error.message, /mounted at \/run\/test\/mnt/);
    await sh('umount', '/run/test/mnt');
    t.is((await poolStep('tank', [disk], { force: true })).how, 'created');
  },
);

test.serial('devices that can not be used: each its own refusal by the program', async t => {
  const readOnly = await disks.disk({ readOnly: true });
  await refuses(t, readOnly, { exitCode: 3, text: /is read-only/ }, '--force');
  const small = await disks.disk({ sizeMiB: 100 });
  await refuses(t, small, { exitCode: 3, text: /100 MiB, and a device needs at least 256 MiB/ });
  const image = await disks.file();
  const loop = await disks.disk({ image });
  await refuses(t, image, { exitCode: 3, text: new RegExp(`in use: behind ${loop}`) });
  const missing = await dmLinuxkit('tank', '--storage-device=/dev/no-such-disk');
  t.is(missing.exitCode, 3);
  t.regex(missing.stderr, /no device \/dev\/no-such-disk/);
  t.regex(missing.stderr, /\/dev\/ubda/);
});

test.serial(
  'a disk that is part of another device, and a disk with read errors, are refused, --force or not',
  async t => {
    const disk = await disks.disk();
    const sectors = await sh('blockdev', '--getsz', disk);
    const map = async (name: string, target: string) => {
      await sh('dmsetup', 'create', name, '--noudevsync', '--table', `0 ${sectors} ${target}`);
      t.teardown(() => sh('dmsetup', 'remove', name));
      return `/dev/${await sh('dmsetup', 'info', '-c', '--noheadings', '-o', 'blkdevname', name)}`;
    };
    const linear = await map('whole', `linear ${disk} 0`);
    const used = await refusal(t, 'tank', [disk], { force: true });
    t.is(used.code, 'DEVICE_IN_USE');
    t.regex(used.message, new RegExp(`part of ${linear}`));
    const bad = await map('bad', 'error');
    t.is((await refusal(t, 'tank', [bad], { force: true })).code, 'DEVICE_UNREADABLE');
  },
);

test.serial('the same disk by two names is refused', async t => {
  const disk = await disks.disk();
  await symlink(disk, '/dev/by-another-name');
  t.teardown(() => unlink('/dev/by-another-name'));
  t.is((await refusal(t, 'tank', [disk, '/dev/by-another-name'])).code, 'DEVICE_NAMED_TWICE');
});

test.serial('an imported pool with other devices, with more and with fewer', async t => {
  const [a, b, c] = [await disks.disk(), await disks.disk(), await disks.disk()];
  await poolStep('tank', [a, b]);
  await refuses(t, c, { exitCode: 4, text: /imported with .*loop.*but --storage-device names/ }, '--force');
  t.regex((await refusal(t, 'tank', [a])).hint ?? '', new RegExp(`${b}p1`));
  t.regex((await refusal(t, 'tank', [a, b, c])).hint ?? '', /zpool add/);
  const taken = await refusal(t, 'other', [a], { force: true });
  t.is(taken.code, 'DEVICE_IN_USE');
  t.regex(taken.message, /imported pool tank/);
});

test.serial('an imported pool that is read-only is refused', async t => {
  const disk = await disks.disk();
  await poolStep('tank', [disk]);
  await sh('zpool', 'export', 'tank');
  await sh('zpool', 'import', '-o', 'readonly=on', '-d', `${disk}p1`, 'tank');
  await refuses(t, disk, { exitCode: 4, text: /imported read-only/ });
});

test.serial(
  'a missing device, one too many, another name, a destroyed pool: none is imported or wiped',
  async t => {
    const [a, b, c] = [await disks.disk(), await disks.disk(), await disks.disk()];
    await poolStep('tank', [a, b]);
    await sh('zpool', 'export', 'tank');
    await refuses(t, a, { exitCode: 4, text: /not complete: it needs one more device/ }, '--force');
    t.is((await refusal(t, 'tank', [a, c], { force: true })).code, 'POOL_MISSING_DEVICE');
    t.is((await refusal(t, 'tank', [a, b, c], { force: true })).code, 'POOL_OTHER_DEVICES');
    const other = await refusal(t, 'other', [a, b]);
    t.is(other.code, 'POOL_OTHER_NAME');
    t.regex(other.hint ?? '', /--pool-name=tank/);
    t.is((await poolStep('tank', [a, b])).how, 'imported');
    await sh('zpool', 'destroy', 'tank');
    t.regex((await refusal(t, 'tank', [a, b])).message, /a destroyed ZFS pool "tank"/);
  },
);

test.serial('one side of a mirror is missing', async t => {
  const [a, b] = [await disks.disk(), await disks.disk()];
  await sh('zpool', 'create', '-m', 'none', 'tank', 'mirror', a, b);
  t.is((await poolStep('tank', [a, b])).how, 'kept');
  await sh('zpool', 'export', 'tank');
  t.is((await refusal(t, 'tank', [b])).code, 'POOL_MISSING_DEVICE');
  t.is((await poolStep('tank', [a, b])).how, 'imported');
});

test.serial('two pools of the name are told by their guids', async t => {
  const [a, b] = [await disks.disk(), await disks.disk()];
  const guids: string[] = [];
  for (const disk of [a, b]) {
    await sh('zpool', 'create', '-m', 'none', 'tank', disk);
    guids.push(await sh('zpool', 'get', '-H', '-o', 'value', 'guid', 'tank'));
    await sh('zpool', 'export', 'tank');
  }
  const ended = await dmLinuxkit('tank', `--storage-device=${a},${b}`, '--force');
  t.is(ended.exitCode, 4);
  for (const guid of guids) t.true(ended.stderr.includes(guid), ended.stderr);
});

/** What a machine of another host id left on a disk when it was cut off. 0: it has no host id. */
async function foreignDisk(
  prepare: (disk: string) => Promise<unknown>,
  {
    theirs = 0x0badcafe,
    ours = 0x0ddba11,
    watch = async (_image: string): Promise<unknown> => undefined,
  } = {},
): Promise<string> {
  await writeFile(HOST_ID, String(theirs));
  const image = await disks.file();
  const loop = await disks.disk({ image });
  await prepare(loop);
  await sh('zpool', 'sync', 'tank');
  const copy = await disks.file();
  await copyFile(image, copy);
  await watch(image);
  await sh('zpool', 'export', 'tank');
  await disks.release(loop);
  await unlink(image);
  await writeFile(HOST_ID, String(ours));
  return disks.disk({ image: copy });
}

/** The other machine goes on: each time the result is called it writes once more to the pool. */
function goesOn(disk: string): () => void {
  return () => {
    // A new uberblock, in a slot that no ring this young has used.
    const txg = Buffer.alloc(8);
    txg.writeBigUInt64LE(process.hrtime.bigint());
    poke(`${disk}p1`, txg, 256 * KIB - 4 * KIB + 512).catch(() => undefined);
  };
}

test.serial('our pool of another host is taken over when it is idle', async t => {
  const disk = await foreignDisk(loop => poolStep('tank', [loop]));
  const taken = await poolStep('tank', [disk]);
  t.is(taken.how, 'taken-over');
  t.regex(taken.told.join('\n'), /host id 0?badcafe\)\. Watching for 10 s/);
});

test.serial('our pool of another host is refused when it is being written to, --takeover or not', async t => {
  const disk = await foreignDisk(loop => poolStep('tank', [loop]));
  for (const takeover of [false, true]) {
    let beat: NodeJS.Timeout | undefined;
    const onTell = () => {
      beat = setInterval(goesOn(disk), 1000);
    };
    const error = await refusal(t, 'tank', [disk], { takeover, onTell });
    clearInterval(beat);
    t.is(error.code, 'POOL_FOREIGN');
    t.regex(error.message, /in use by .* now/);
  }
});

test.serial(
  'machines without a host id: a pool that was cut off is watched before it is imported',
  async t => {
    await rename('/etc/hostid', '/etc/hostid-away');
    t.teardown(() => rename('/etc/hostid-away', '/etc/hostid'));
    const none = { theirs: 0, ours: 0 };
    const disk = await foreignDisk(loop => poolStep('tank', [loop]), none);
    let beat: NodeJS.Timeout | undefined;
    const onTell = () => {
      beat = setInterval(goesOn(disk), 1000);
    };
    const error = await refusal(t, 'tank', [disk], { onTell });
    clearInterval(beat);
    t.is(error.code, 'POOL_FOREIGN');
    t.regex(error.message, /in use by .* now/);

    await disks.release(disk); // Else the next could be mistaken for it.
    const { how, told } = await poolStep('tank', [await foreignDisk(loop => poolStep('tank', [loop]), none)]);
    t.is(how, 'imported');
    t.regex(told.join('\n'), /its host had no id: watching for 10 s/);
  },
);

const LABELS = 512 * KIB;

/** The ends of our partition, where ZFS has its labels, in a disk's image. */
async function labelPlaces(image: string): Promise<{ inPartition: number; inImage: number }[]> {
  const [start = 0, sectors = 0] = (await sh('partx', '-go', 'START,SECTORS', image))
    .split(/\s+/)
    .map(Number);
  const size = sectors * 512;
  const end = size - (size % (256 * KIB)) - LABELS;
  return [0, end].map(inPartition => ({ inPartition, inImage: start * 512 + inPartition }));
}

interface Written {
  bytes: Buffer;
  at: number;
}

/** The labels in the image each time they have changed, `count` times. */
async function recordLabels(image: string, count: number): Promise<Written[][]> {
  const places = await labelPlaces(image);
  const beats: Written[][] = [];
  const file = await open(image);
  const look = async () => {
    const beat: Written[] = [];
    for (const { inPartition, inImage } of places) {
      const bytes = Buffer.alloc(LABELS);
      await file.read(bytes, 0, LABELS, inImage);
      beat.push({ bytes, at: inPartition });
    }
    const last = beats.at(-1);
    if (!last || beat.some(({ bytes }, n) => last[n] && !bytes.equals(last[n].bytes))) beats.push(beat);
    return beats.length >= count;
  };
  try {
    if (!(await until(look, { deadlineMs: 240_000, everyMs: 500 })))
      throw new Error(`the labels changed ${beats.length} times only`);
    return beats;
  } finally {
    await file.close();
  }
}

test.serial('with multihost on, ZFS itself tells a pool in use from an idle one', async t => {
  // What the other machine's ZFS writes every second to say that it is there: recorded, and later played again.
  let beats: Written[][] = [];
  const prepare = async (loop: string) => {
    await poolStep('tank', [loop]);
    await sh('zpool', 'set', 'multihost=on', 'tank');
  };
  const watch = async (image: string) => {
    beats = await recordLabels(image, 20);
  };
  const disk = await foreignDisk(prepare, { watch });
  let isOver = false;
  const playing = (async () => {
    for (const beat of beats) {
      for (const { bytes, at } of beat) await poke(`${disk}p1`, bytes, at);
      if (await until(() => isOver, { deadlineMs: 3_000 })) return;
    }
  })();
  const error = await refusal(t, 'tank', [disk]);
  isOver = true;
  await playing;
  t.is(error.code, 'POOL_ACTIVE', error.message);
  t.regex(error.message, /is in use by another machine now/);
  t.is((await poolStep('tank', [disk])).how, 'taken-over');
});

test.serial('a pool of another host without our mark needs --takeover', async t => {
  const disk = await foreignDisk(loop => sh('zpool', 'create', '-m', 'none', 'tank', loop));
  await refuses(t, disk, {
    exitCode: 4,
    text: /host id 0?badcafe\), and dm-linuxkit has not made it[\s\S]*--takeover/,
  });
  const taken = await poolStep('tank', [disk], { takeover: true });
  t.is(taken.how, 'taken-over');
});

test.serial('two runs for two pools on one disk: one gets it, the other is refused', async t => {
  const disk = await disks.disk();
  const ends = await Promise.allSettled([poolStep('one', [disk]), poolStep('two', [disk])]);
  t.deepEqual(ends.map(end => end.status).sort(), ['fulfilled', 'rejected']);
});

test.serial('a real disk is partitioned as well', async t => {
  t.is((await poolStep('tank', ['/dev/ubda'])).how, 'created');
  t.regex(await sh('zpool', 'status', '-P', 'tank'), /\/dev\/ubda1 /);
});

test.serial('a machine without ZFS is told what to install', async t => {
  await rename('/dev/zfs', '/dev/zfs-away');
  const file = await disks.file(0);
  const ended = await dmLinuxkit('tank', `--storage-device=${file}`).finally(() =>
    rename('/dev/zfs-away', '/dev/zfs'),
  );
  t.is(ended.exitCode, 12, ended.stderr);
  t.regex(ended.stderr, /error: This machine has no ZFS: there is no \/dev\/zfs[\s\S]*Install/);
});
