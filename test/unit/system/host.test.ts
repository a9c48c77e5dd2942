import { readlinkSync } from 'node:fs';
import test from 'ava';
import { inContainer } from '../../../src/system/host.ts';
import { run } from '../../../src/system/run.ts';

const namespace = (pid: string): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
};
/** Whether these tests can tell by the kernel's own threads that they run on the machine itself. */
const onTheMachine =
  namespace('self') !== undefined && namespace('self') === (namespace('1') ?? namespace('2'));

test('the machine itself is no container, though its disk was made from an image of one', async t => {
  if (onTheMachine) t.false(await inContainer());
  else t.is(typeof (await inContainer()), 'boolean');
});

test("who has a mount namespace of his own is in a container, though he sees the machine's processes", async t => {
  const look = "import('./src/system/host.ts').then(async host => console.log(await host.inContainer()))";
  const { stdout, exitCode } = await run(['unshare', '-m', process.execPath, '-e', look], {
    okCodes: [0, 1],
  });
  if (process.getuid?.() === 0) t.is(stdout, 'true');
  else t.is(exitCode, 1);
});
