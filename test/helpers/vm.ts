/** A QEMU machine that boots our image as LinuxKit does (scripts/vm): what it says, what can be asked of it, its end. */

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import type { Answer, Machine, MachineOptions } from '../../scripts/vm/boot.mjs';
import type { ImageConfig, MachineYaml } from '../../scripts/vm/bundles.mjs';
import { until, within } from '../../src/lib/retry.ts';

/** Emulated, on a machine that does other things too; every wait is for a condition and this is its end. */
export const PATIENCE_MS = 600_000;

const root = process.env['DM_ROOT'] ?? process.cwd();

interface Prepared {
  kit: string;
  disk: string;
  image: ImageConfig;
}

/** What the runner has made ready (scripts/test/vm.mjs). */
function prepared(): Prepared {
  const path = process.env['DM_VM'];
  if (!path) throw new Error('DM_VM is not set: run this with --tier=vm');
  return JSON.parse(readFileSync(path, 'utf8')) as Prepared;
}

/** By path at run time: the scripts find their neighbours by their own place, so they are not bundled. */
const script = <T>(name: string): Promise<T> =>
  import(pathToFileURL(join(root, 'scripts/vm', name)).href) as Promise<T>;

export interface Entry {
  name: string;
  image: string;
  command?: string[];
  [key: string]: unknown;
}

export interface Yaml extends MachineYaml {
  onboot: Entry[];
  services: Entry[];
}

/** An image YAML of linuxkit-examples/, parsed. */
export function example(name: string): Yaml {
  return parse(readFileSync(join(root, 'linuxkit-examples', name), 'utf8')) as Yaml;
}

/** An application for the place of one whose image is not here: our files without our label, and a shell script. */
export function application(name: string, body: string, more: object = {}): Entry {
  return { name, image: 'example/application:1', command: ['/bin/sh', '-c', body], ...more };
}

export interface Status {
  state: string;
  code: string;
  kind: string;
  message: string;
  mounts: { mountpoint: string; state: string }[];
}

export type BootOptions = Partial<
  Pick<MachineOptions, 'disks' | 'sharedDisks' | 'userdata' | 'hostid' | 'mem'>
> & {
  yaml: Yaml;
  /** Services whose output is to be seen on the console. */
  toConsole?: string[];
  /** Files beside those of the YAML, below /containers. */
  more?: { path: string; data: string }[];
  /** For a machine that is meant to be alive for long. */
  deadlineMs?: number;
};

/** All machines of a test file, their disks, and the end of both. */
export class Bench {
  readonly folder: string;
  private readonly machines = new Set<Vm>();
  private count = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(name: string): Promise<Bench> {
    return new Bench(await mkdtemp(join(tmpdir(), `${name}-`)));
  }

  /** A raw image file; nothing is written to what is not used. */
  async disk(name: string, mebibytes = 1024): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, '', { flag: 'a' });
    await truncate(path, mebibytes * 2 ** 20);
    return path;
  }

  /** A disk with the compiled tests, for a machine that runs some of another tier. */
  async testsDisk(): Promise<string> {
    const { makeTestsDisk } =
      await script<typeof import('../../scripts/vm/tests-disk.mjs')>('tests-disk.mjs');
    const path = join(this.folder, 'tests');
    makeTestsDisk(path);
    return path;
  }

  async boot({ yaml, toConsole = [], more = [], deadlineMs = 2 * PATIENCE_MS, ...options }: BootOptions) {
    const { boot } = await script<typeof import('../../scripts/vm/boot.mjs')>('boot.mjs');
    const { bundles } = await script<typeof import('../../scripts/vm/bundles.mjs')>('bundles.mjs');
    const { kit, disk, image } = prepared();
    const containers = [...bundles(yaml, image, { toConsole }), ...more];
    const folder = join(this.folder, `m${++this.count}`);
    const vm = new Vm(boot({ folder, kit, disk, containers, deadlineMs, ...options }), folder);
    this.machines.add(vm);
    return vm;
  }

  async clear(): Promise<void> {
    for (const each of this.machines) await each.cut();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class Vm {
  readonly machine: Machine;
  private readonly folder: string;
  private isOver = false;

  constructor(machine: Machine, folder: string) {
    this.machine = machine;
    this.folder = folder;
    void machine.done.then(() => {
      this.isOver = true;
    });
  }

  /** Of 127.0.0.1; the API of the machine. */
  port(): Promise<number> {
    return this.machine.port();
  }

  console(): string {
    return this.machine.console();
  }

  /** Waits until the pattern is on the console, for something that comes `after` a place in it. */
  async says(pattern: RegExp, after = 0): Promise<void> {
    const seen = () => pattern.test(this.console().slice(after));
    await until(() => seen() || this.isOver, { deadlineMs: PATIENCE_MS });
    if (!seen()) throw new Error(`the machine did not say ${pattern}:\n${this.console().slice(-6000)}`);
  }

  /** All onboot containers have ended and all services are started. */
  booted(): Promise<void> {
    return this.says(/^@booted /m);
  }

  /** The daemon serves. */
  serves(): Promise<void> {
    return this.says(/^dm-linuxkit: serving:/m);
  }

  /** The exit code of an onboot container. */
  codeOf(name: string): number | undefined {
    const match = new RegExp(`^@done \\d+-${name} (\\d+) `, 'm').exec(this.console());
    return match ? Number(match[1]) : undefined;
  }

  /** Seconds between the kernel's start and a word of init. */
  secondsAt(word: string): number {
    return Number(new RegExp(`^@${word} ([\\d.]+)$`, 'm').exec(this.console())?.[1] ?? Number.NaN);
  }

  /** The same for the end of an onboot container. */
  secondsOf(name: string): number {
    const match = new RegExp(`^@done \\d+-${name} \\d+ ([\\d.]+)$`, 'm').exec(this.console());
    return match ? Number(match[1]) : Number.NaN;
  }

  private async ask(script: string): Promise<Answer> {
    const answer = await within(this.machine.run(script), PATIENCE_MS);
    if (answer) return answer;
    throw new Error(`no answer to ${script}\n${this.console().slice(-6000)}`);
  }

  /** A script as root outside of all containers; throws when it fails. */
  async sh(script: string): Promise<string> {
    const { status, text } = await this.ask(script);
    if (status !== 0) throw new Error(`${script}\nended with ${status}: ${text}\n${await this.logs()}`);
    return text.trim();
  }

  /** Whether a script succeeds. */
  async succeeds(script: string): Promise<boolean> {
    return (await this.ask(script)).status === 0;
  }

  /** Waits until a script succeeds, and resolves to what it then printed. */
  async eventually(script: string): Promise<string> {
    let last = { status: -1, text: '' };
    const ok = await until(
      async () => {
        last = await this.ask(script);
        return last.status === 0;
      },
      // Each look takes its time from what is waited for.
      { deadlineMs: PATIENCE_MS, everyMs: 250 },
    );
    if (!ok) throw new Error(`${script}\nfails for ever: ${last.text}\n${await this.logs()}`);
    return last.text.trim();
  }

  /** A command of the image in a running container. */
  exec(container: string, command: string): Promise<string> {
    return this.sh(`runc exec ${container} ${command}`);
  }

  async status(name = 'status.json'): Promise<Status> {
    return JSON.parse(await this.sh(`cat /run/dotmesh/${name}`)) as Status;
  }

  async logs(): Promise<string> {
    const { text } = await this.ask('tail -n 40 /var/log/*.log /run/log/onboot/*.log; mount');
    return `${text}\n${this.console().slice(-3000)}`;
  }

  /** A disk comes while the machine runs. */
  async attach(id: string, path: string): Promise<void> {
    const file = { driver: 'file', filename: path };
    await this.machine.qmp('blockdev-add', { driver: 'raw', 'node-name': id, file });
    await this.machine.qmp('device_add', { driver: 'scsi-hd', id, bus: 'scsi.0', drive: id });
  }

  /** LinuxKit's own way down: SIGTERM, five seconds, SIGKILL; no pool is exported. */
  async shutDown(): Promise<void> {
    // The shell that would answer may be killed before it does.
    this.ask('setsid sh /run/vm/shutdown.sh >/dev/console 2>&1 &').catch(() => undefined);
    await this.machine.done;
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The power goes. */
  async cut(): Promise<void> {
    this.machine.kill();
    await this.machine.done;
    await rm(this.folder, { recursive: true, force: true });
  }
}
