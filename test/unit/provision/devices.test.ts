import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isDmError } from '../../../src/lib/errors.ts';
import { exitCodeOf } from '../../../src/lib/exit-codes.ts';
import { blockFacts, deviceNumber, listDisks, nvmeNamespaces } from '../../../src/provision/block.ts';
import { expandDevices, theNamespace } from '../../../src/provision/devices.ts';
import { hintFor } from '../../../src/provision/install-hint.ts';

const folder = await mkdtemp(join(tmpdir(), 'devices-'));
test.after.always(() => rm(folder, { recursive: true }));
const options = { waitMs: 0 };

async function code(names: string[]): Promise<string> {
  try {
    await expandDevices(names, options);
    return 'none';
  } catch (error) {
    return isDmError(error) ? `${error.kind}/${error.code}` : String(error);
  }
}

test('a file is itself, one that is not there is to be made, relative names are made absolute', async t => {
  const path = join(folder, 'there');
  await writeFile(path, 'x');
  const [file, made] = await expandDevices([path, join(folder, 'new')], options);
  t.like(file, { kind: 'file', path, sizeBytes: 1 });
  t.like(made, { kind: 'new file', path: join(folder, 'new') });
  const [relative] = await expandDevices(['no-such-file.img'], options);
  t.is(relative?.path, join(process.cwd(), 'no-such-file.img'));
});

test('the same device named twice is refused, also by a link and before it exists', async t => {
  const path = join(folder, 'twice');
  await writeFile(path, '');
  await symlink(path, join(folder, 'link'));
  t.is(await code([path, join(folder, 'link')]), 'device/DEVICE_NAMED_TWICE');
  t.is(await code([join(folder, 'later'), `${folder}/./later`]), 'device/DEVICE_NAMED_TWICE');
});

test('what can not be a device is refused', async t => {
  t.is(await code([]), 'usage/NO_DEVICE');
  t.is(await code([folder]), 'device/DEVICE_IS_DIRECTORY');
  t.is(await code([join(folder, 'no/such/file')]), 'device/DIRECTORY_MISSING');
  t.is(await code(['/dev/null']), 'device/DEVICE_NOT_USABLE');
  t.is(await code(['/dev/dm-linuxkit-no-such-disk']), 'device/DEVICE_MISSING');
  t.is(await code(['/dev/nvme987']), 'device/DEVICE_MISSING');
});

test('a device number is split as Linux packs it', t => {
  t.is(deviceNumber(0x801n), '8:1');
  t.is(deviceNumber(0x1_0302n), '259:2');
  t.is(deviceNumber(0x11_032cn), '259:300');
});

async function tree(root: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), `${text}\n`);
  }
}

test('sysfs tells size, partitions, holders and the disk of a partition', async t => {
  const sys = join(folder, 'sys');
  await tree(sys, {
    'devices/sda/size': '2097152',
    'devices/sda/dev': '8:0',
    'devices/sda/ro': '1',
    'devices/sda/ext_range': '256',
    'devices/sda/sda1/partition': '1',
    'devices/sda/sda1/dev': '8:1',
    'devices/sda/sda1/size': '2048',
    'devices/sda/sda1/holders/dm-0': '',
  });
  await mkdir(join(sys, 'dev/block'), { recursive: true });
  await mkdir(join(sys, 'block'));
  await symlink('../../devices/sda', join(sys, 'dev/block/8:0'));
  await symlink('../../devices/sda/sda1', join(sys, 'dev/block/8:1'));
  await symlink('../devices/sda', join(sys, 'block/sda'));
  t.deepEqual(await blockFacts('8:0', sys), {
    name: 'sda',
    number: '8:0',
    sizeBytes: 2 ** 30,
    readOnly: true,
    disk: undefined,
    partitionable: true,
    partitions: [{ name: 'sda1', number: '8:1', sizeBytes: 2 ** 20 }],
    holders: ['dm-0'],
  });
  t.like(await blockFacts('8:1', sys), { disk: '8:0', partitionable: false, partitions: [] });
  t.is(await blockFacts('9:9', sys), undefined);
  t.deepEqual(await listDisks(sys), ['/dev/sda (1.0 GiB)']);
});

test('the only namespace of an NVMe controller is meant, with and without multipath; several, or none, are refused', async t => {
  const sys = join(folder, 'nvme');
  for (const path of ['nvme0/nvme0n1', 'nvme0/hwmon0', 'nvme1/nvme0c1n10', 'nvme1/nvme0c1n2'])
    await mkdir(join(sys, 'class/nvme', path), { recursive: true });
  t.deepEqual(await nvmeNamespaces('nvme0', sys), ['nvme0n1']);
  t.deepEqual(await nvmeNamespaces('nvme1', sys), ['nvme0n2', 'nvme0n10']);
  t.deepEqual(await nvmeNamespaces('nvme2', sys), []);

  const chosen = async (controller: string) =>
    theNamespace(`/dev/${controller}`, await nvmeNamespaces(controller, sys));
  t.is(await chosen('nvme0'), '/dev/nvme0n1');
  const several = await t.throwsAsync(chosen('nvme1'), {
    code: 'NVME_SEVERAL_NAMESPACES',
    message: /\/dev\/nvme1 has several namespaces: \/dev\/nvme0n2, \/dev\/nvme0n10\./,
  });
  t.is(exitCodeOf(several), 3);
  await t.throwsAsync(chosen('nvme2'), { code: 'NVME_WITHOUT_NAMESPACE' });
});

test('what to install depends on the system, or on the one that it is like', t => {
  t.regex(hintFor('ID=debian\n', '6.1'), /zfs-dkms/);
  t.regex(hintFor('NAME="Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n', '6.1'), /zfsutils-linux\.$/);
  t.regex(hintFor('ID="linuxkit"\n', '6.1'), /image/);
  t.regex(hintFor('', '6.1.9'), /kernel 6\.1\.9/);
});

test('an empty file, as a power cut leaves it, keeps its place', async t => {
  const path = join(folder, 'empty');
  await writeFile(path, '');
  await truncate(path, 0);
  const [device] = await expandDevices([path], options);
  t.like(device, { kind: 'file', sizeBytes: 0 });
});
