import test from 'ava';
import { DmError, isDmError } from '../../../src/lib/errors.ts';
import { zfsError } from '../../../src/zfs/errors.ts';
import { createError, exportError, importError } from '../../../src/zfs/pool-errors.ts';
import { complaints, KINDS } from './fixture.ts';

const failed = (stderr: string, stdout = '') =>
  new DmError('internal', 'COMMAND_FAILED', 'it failed', { data: { stderr, stdout } });
const code = (error: unknown) => (isDmError(error) ? error.code : undefined);

const CODES: Record<string, string> = {
  'e-missing': 'DATASET_MISSING',
  'e-missing-pool': 'DATASET_MISSING',
  'e-missing-snap': 'DATASET_MISSING',
  'e-snap-missing': 'DATASET_MISSING',
  'e-parent': 'DATASET_MISSING',
  'e-exists': 'DATASET_EXISTS',
  'e-exists-snap': 'DATASET_EXISTS',
  'e-destroy-children': 'DATASET_HAS_DEPENDENTS',
  'e-destroy-clones': 'DATASET_HAS_DEPENDENTS',
  'e-umount-busy': 'DATASET_BUSY',
  'e-export-busy': 'DATASET_BUSY',
  'e-mount-taken': 'MOUNTPOINT_TAKEN',
  'e-reservation': 'NO_SPACE',
  'e-set-badprop': 'ZFS_FAILED',
  'e-set-invalid': 'ZFS_FAILED',
  'pexport-missing': 'POOL_MISSING',
};

for (const kind of KINDS) {
  const said = complaints(kind);

  test(`what ${kind} complains about a dataset becomes the code of the contract`, t => {
    let seen = 0;
    for (const [name, expected] of Object.entries(CODES)) {
      const text = said.get(name);
      if (text === undefined) continue;
      seen++;
      t.is(zfsError(failed(text), 'x').code, expected, name);
    }
    t.true(seen >= 14);
  });

  test(`what ${kind} complains when a pool is created tells a taken device from the rest`, t => {
    const create = (name: string) =>
      code(createError(zfsError(failed(said.get(name) ?? ''), 'p'), 'p', ['/d']));
    t.is(create('pcreate-inuse'), 'DEVICE_IN_USE');
    for (const name of ['exists', 'nodev', 'dir', 'reserved', 'small']) {
      t.is(create(`pcreate-${name}`), 'POOL_CREATE_FAILED', name);
    }
  });

  test(`what ${kind} complains when a pool is imported says why`, t => {
    const imported = (name: string) => importError(zfsError(failed(said.get(name) ?? ''), 'p'), 'p');
    t.is(code(imported('import-missing')), 'POOL_MISSING');
    t.is(code(imported('import-missing-guid')), 'POOL_MISSING');
    t.is(code(imported('import-twice')), 'POOL_IMPORT_FAILED');
    t.is(code(imported('import-dup')), 'POOL_IMPORT_FAILED');
    t.like(imported('import-foreign'), {
      code: 'POOL_FOREIGN',
      kind: 'pool',
      data: { hostName: '(none)', hostId: 'fcec56e9' },
    });
  });
}

test('a pool that lacks a device is incomplete, whichever words ZFS has for it', t => {
  for (const text of [
    complaints('zfs-fuse').get('import-incomplete') ?? '',
    "cannot import 'p': no such pool or dataset\n\tDestroy and re-create the pool from\n\ta backup source.",
  ]) {
    t.is(code(importError(zfsError(failed(text), 'p'), 'p')), 'POOL_INCOMPLETE');
  }
});

test('a pool that multihost sees in use is active, not merely foreign', t => {
  // libzfs_pool.c zpool_import_props and zpool_main.c do_import of OpenZFS 2.1
  for (const text of [
    "cannot import 'p': pool is imported on vm (hostid: 0xfcec56e9)\nExport the pool on the other system, then run 'zpool import'.",
    "cannot import 'p': pool is currently imported by another system.\nLast accessed by vm (hostid=fcec56e9) at now",
  ]) {
    t.is(code(importError(zfsError(failed(text), 'p'), 'p')), 'POOL_ACTIVE');
  }
});

test('a zfs-fuse that has mounted as much as it can is told from one that fails', t => {
  const text =
    "cannot mount 'p/dot': Input/output error.\nMake sure the FUSE module is loaded.\nfilesystem successfully created, but not mounted";
  t.is(code(zfsError(failed(text), 'p/dot')), 'MOUNTS_EXHAUSTED');
});

test('no ZFS, a ZFS that hangs and a denied one keep their names whatever was tried', t => {
  const missing = zfsError(new DmError('internal', 'COMMAND_MISSING', 'x'), 'p');
  const hung = zfsError(new DmError('timeout', 'COMMAND_TIMED_OUT', 'x'), 'p');
  const dead = zfsError(
    failed('connect: No such file or directory\nPlease make sure that the zfs-fuse daemon is running.'),
    'p',
  );
  const denied = zfsError(failed("cannot create 'p': permission denied"), 'p');
  t.deepEqual([missing, hung, dead, denied].map(code), [
    'ZFS_MISSING',
    'ZFS_HUNG',
    'ZFS_MISSING',
    'ZFS_DENIED',
  ]);
  for (const error of [missing, hung, dead, denied]) {
    t.is(createError(error, 'p', []), error);
    t.is(importError(error, 'p'), error);
    t.is(exportError(error, 'p'), error);
  }
});
