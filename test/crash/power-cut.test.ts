// The harness itself: what reached a disk is there after a power cut, on a machine that boots with the same disk.
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { bootGuest } from '../helpers/guest.ts';

test('a pool survives the power cut of its machine', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'power-'));
  const disk = join(folder, 'disk');
  await writeFile(disk, '');
  await truncate(disk, 256 * 2 ** 20);
  const options = { share: folder, disks: [disk], hostid: '0badcafe' };

  let written: () => void = () => {};
  const ready = new Promise<void>(resolve => {
    written = resolve;
  });
  const first = await bootGuest({
    ...options,
    command: `zpool create -m /run/pool cut /dev/ubda && echo kept >/run/pool/file && zpool sync cut && zfs snapshot cut@one
echo "READY"; while :; do echo more >>/run/pool/file; done`,
    onConsole: chunk => chunk.includes('READY') && written(),
  });
  await Promise.race([ready, first.done]);
  first.killPowerCut();
  t.is((await first.done).status, 255);

  // -d: without udev a scan by block device waits 30 s for it.
  const second = await bootGuest({
    ...options,
    command:
      'zpool import -d /dev cut && zpool status -x cut && head -n 1 /run/pool/file && zfs list -Hpo name -t snapshot && zpool export cut',
  });
  const { status, console } = await second.done;
  t.is(status, 0, console);
  t.regex(console, /pool 'cut' is healthy\nkept\ncut@one\n/);
  await rm(folder, { recursive: true });
});
