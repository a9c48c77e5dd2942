import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { inImage, labelOfImage } from '../helpers/docker.ts';

const label = labelOfImage();

test('the label of the image says what config in build.yml says', t => {
  t.deepEqual(label, parse(readFileSync('build.yml', 'utf8')).config);
});

test('the label alone brings disks, metadata, mounts that are seen outside, and the names of hosts', t => {
  t.true(label.binds.includes('/dev:/dev'));
  t.true(label.binds.includes('/run:/run'));
  t.true(label.binds.includes('/etc/resolv.conf:/etc/resolv.conf'));
  const [, , options = ''] = label.binds.find(each => each.startsWith('/var:/var:'))?.split(':') ?? [];
  t.deepEqual(options.split(',').sort(), ['rbind', 'rshared']);
  t.is(label.rootfsPropagation, 'shared');
  t.deepEqual(label.devices, [{ path: 'all', type: 'a' }], 'type b would not allow /dev/zfs');
  t.is(label.pid, 'host');
});

/** A command that succeeds with the capability and fails without it, all others of the label being there. */
const USES: Record<string, string> = {
  CAP_SYS_ADMIN: 'mkdir /tmp/a /tmp/b && mount --bind /tmp/a /tmp/b',
  // tmpfs has no such flag before Linux 6.6: the code makes do without then, and nothing is to be seen.
  CAP_LINUX_IMMUTABLE:
    'mkdir /tmp/a && said=$(chattr +i /tmp/a 2>&1) || case $said in *"not supported"*) ;; *) exit 1 ;; esac',
  CAP_CHOWN: 'mkdir /tmp/a && chown 999:999 /tmp/a',
  CAP_FOWNER: 'mkdir /tmp/a && chown 999:999 /tmp/a && chmod 0750 /tmp/a',
  CAP_DAC_OVERRIDE: 'mkdir -m 0700 /tmp/a && chown 999:999 /tmp/a && touch /tmp/a/b',
  // This very process, which has all capabilities.
  CAP_SYS_PTRACE: `test "$(readlink /proc/${process.pid}/exe)"`,
};

/** Trying it would be trying to switch this machine off. */
const UNTRIED = ['CAP_SYS_BOOT'];

test('each capability of the label is there for something that fails without it', t => {
  t.deepEqual(Object.keys(USES).sort(), label.capabilities.filter(each => !UNTRIED.includes(each)).sort());
  const works = (capability: string, capabilities: readonly string[]) =>
    inImage(['sh', '-c', USES[capability] ?? 'false'], {
      capabilities,
      // LinuxKit has no AppArmor; Docker's profile for it forbids mounts to whoever may make them.
      how: ['--pid=host', '--security-opt=apparmor=unconfined'],
    });
  for (const each of Object.keys(USES)) {
    const withAll = works(each, label.capabilities);
    t.is(withAll.code, 0, `${each}: ${withAll.text}`);
    if (each === 'CAP_LINUX_IMMUTABLE' && !tmpfsHasFlags()) continue;
    t.not(
      works(
        each,
        label.capabilities.filter(other => other !== each),
      ).code,
      0,
      `without ${each}`,
    );
  }
});

function tmpfsHasFlags(): boolean {
  return inImage(['chattr', '+i', '/tmp'], { capabilities: label.capabilities }).code === 0;
}
