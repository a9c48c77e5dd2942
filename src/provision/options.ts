/** What the command line asks for, checked as far as that goes without looking at the machine. Pure. */

import { posix } from 'node:path';
import { DmError } from '../lib/errors.ts';
import { type Flags, parseFlags } from '../lib/flags.ts';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../lib/log.ts';
import { CONTAINER_MOUNT_PREFIX, DEFAULT_POOL, MOUNT_PREFIX, RUN_DIRECTORY } from '../model/layout.ts';
import { parseDotAddress, printable } from '../model/names.ts';
import {
  AUTO,
  DEFAULT_DEVICE_WAIT,
  DEFAULT_LISTEN,
  DEFAULT_ON_FAILURE,
  DEFAULT_ON_FAILURE_TIMEOUT,
  DEFAULT_STORAGE_SIZE,
  DEFAULT_TIMEOUT,
  DEFAULT_USERDATA,
  FLAGS,
  METADATA_FLAGS,
  STOP_FLAGS,
  UNMOUNT_FLAGS,
} from './flags.ts';
import type { MetadataOptions } from './metadata.ts';
import { ON_FAILURE, type OnFailure } from './on-failure.ts';
import type { UnmountOptions } from './unmount.ts';
import {
  type ListenAddress,
  parseDuration,
  parseListen,
  parseMode,
  parseOwner,
  parseSize,
} from './values.ts';

export interface LogChoice {
  level: LogLevel;
  format: LogFormat;
}

/** A file named on the command line must be there; one at its default place may be missing. */
export interface GivenFiles {
  seed?: string;
  credentials?: string;
  adminApiKey?: string;
  adminPassword?: string;
}

/** The dot as it was named: a text, or a file that holds the text. */
export type DotSource = { text: string } | { file: string };

export interface Target {
  dot: DotSource;
  /** Absolute, normalised. */
  mountpoint: string;
  /** `UID[:GID]`, or '' for whoever the server makes the owner. */
  owner: string;
  /** Octal, or ''. */
  mode: string;
}

export interface ProvisionOptions {
  mode: 'oneshot' | 'daemon';
  poolName: string;
  /** `auto` stands alone. */
  devices: string[];
  /** How long one that is not there is waited for; 0 for not at all. */
  deviceWaitMs: number;
  storageSizeBytes: number;
  force: boolean;
  takeover: boolean;
  /** Undefined for a daemon that only serves what is on the pool. */
  target: Target | undefined;
  seed: string | undefined;
  remoteUsername: string | undefined;
  remoteApiKey: string | undefined;
  files: GivenFiles;
  /** Undefined: nowhere but on the UNIX socket, which is all that a one-shot needs for itself. */
  listen: ListenAddress | undefined;
  timeoutMs: number;
  onFailure: OnFailure;
  /** How long `wait` holds the boot. */
  onFailureTimeoutMs: number;
  /** Where the result is told in one line; undefined: nowhere. */
  console: string | undefined;
  shredUserdata: boolean;
  userdataFile: string;
  log: LogChoice;
}

export interface StopOptions {
  poolName: string;
  export: boolean;
  timeoutMs: number;
  log: LogChoice;
}

export type Command =
  | { kind: 'help' }
  | { kind: 'version' }
  | { kind: 'stop'; options: StopOptions }
  | { kind: 'unmount'; options: UnmountOptions }
  | { kind: 'metadata'; options: MetadataOptions }
  | { kind: 'provision'; options: ProvisionOptions };

/**
 * Reads the arguments after the program's name.
 *
 * @throws DmError usage with UNKNOWN_FLAG, MISSING_FLAG, CONFLICTING_FLAGS, UNEXPECTED_ARGUMENT,
 *   BAD_MOUNTPOINT, BAD_POOL_NAME, BAD_CHOICE, INVALID_NAME, or a code of values.ts
 */
export function parseCommand(argv: readonly string[]): Command {
  const flags = parseFlags(argv, FLAGS);
  if (flags.booleans.has('help')) return { kind: 'help' };
  if (flags.booleans.has('version')) return { kind: 'version' };
  const [verb, ...more] = flags.rest;
  const stray = verb === 'unmount' ? more[1] : verb === 'stop' || verb === 'metadata' ? more[0] : verb;
  if (stray !== undefined) throw unexpected(stray);
  if (verb === 'stop') return { kind: 'stop', options: stopOptions(flags) };
  if (verb === 'unmount') return { kind: 'unmount', options: unmountOptions(flags, more[0]) };
  if (verb === 'metadata') return { kind: 'metadata', options: metadataOptions(flags) };
  return { kind: 'provision', options: provisionOptions(flags) };
}

function metadataOptions(flags: Flags): MetadataOptions {
  refuseOthers(flags, 'metadata', METADATA_FLAGS);
  return {
    seed: flags.strings.get('seed'),
    credentialsFile: flags.strings.get('credentials-file'),
    output: flags.strings.get('output'),
  };
}

function refuseOthers(flags: Flags, verb: string, known: readonly string[]): void {
  const given = [...flags.strings.keys(), ...flags.booleans, ...flags.lists.keys()];
  const odd = given.find(name => !known.includes(name));
  if (odd === undefined) return;
  throw usage('UNEXPECTED_ARGUMENT', `--${odd} means nothing to "dm-linuxkit ${verb}".`, 'See --help.');
}

function stopOptions(flags: Flags): StopOptions {
  refuseOthers(flags, 'stop', STOP_FLAGS);
  return { ...commonOptions(flags), export: flags.booleans.has('export') };
}

function unmountOptions(flags: Flags, mountpoint: string | undefined): UnmountOptions {
  refuseOthers(flags, 'unmount', UNMOUNT_FLAGS);
  if (mountpoint === undefined)
    throw usage('MISSING_FLAG', '"dm-linuxkit unmount" needs the directory.', 'It follows the word.');
  return { ...commonOptions(flags), mountpoint: checkedMountpoint(mountpoint) };
}

function provisionOptions(flags: Flags): ProvisionOptions {
  if (flags.booleans.has('export'))
    throw usage('UNEXPECTED_ARGUMENT', '--export belongs to "dm-linuxkit stop".', 'See --help.');
  if (flags.strings.has('output'))
    throw usage('UNEXPECTED_ARGUMENT', '--output belongs to "dm-linuxkit metadata".', 'See --help.');
  forbidBoth(flags, 'oneshot', 'daemon');
  forbidBoth(flags, 'dot', 'dot-file');
  forbidBoth(flags, 'seed', 'seed-file');
  const mode = flags.booleans.has('daemon') ? 'daemon' : 'oneshot';
  const devices = flags.lists.get('storage-device') ?? [];
  if (devices.length === 0) throw missing('storage-device', mode);
  const twice = devices.find((device, at) => devices.indexOf(device) !== at);
  if (twice !== undefined)
    throw usage(
      'CONFLICTING_FLAGS',
      `The device ${printable(twice)} is given twice.`,
      'Name each device once.',
    );
  if (devices.includes(AUTO)) checkAuto(flags, devices);
  const files: GivenFiles = {
    seed: flags.strings.get('seed-file'),
    credentials: flags.strings.get('credentials-file'),
    adminApiKey: flags.strings.get('admin-api-key-file'),
    adminPassword: flags.strings.get('admin-password-file'),
  };
  const common = commonOptions(flags);
  return {
    ...common,
    mode,
    devices,
    deviceWaitMs: waitOf(flags, common.timeoutMs),
    storageSizeBytes: parseSize('storage-size', flags.strings.get('storage-size') ?? DEFAULT_STORAGE_SIZE),
    force: flags.booleans.has('force'),
    takeover: flags.booleans.has('takeover'),
    target: targetOf(flags, mode),
    seed: flags.strings.get('seed'),
    remoteUsername: flags.strings.get('remote-username'),
    remoteApiKey: flags.strings.get('remote-apikey'),
    files,
    listen: listenOf(flags, mode),
    ...failureOptions(flags),
    console: flags.strings.get('console'),
    shredUserdata: flags.booleans.has('shred-userdata'),
    userdataFile: flags.strings.get('userdata-file') ?? DEFAULT_USERDATA,
  };
}

/** The server of a one-shot is there for moments: a port that another pool's daemon has must not hinder it. */
function listenOf(flags: Flags, mode: ProvisionOptions['mode']): ListenAddress | undefined {
  const text = flags.strings.get('listen') ?? (mode === 'daemon' ? DEFAULT_LISTEN : undefined);
  return text === undefined ? undefined : parseListen('listen', text);
}

/** A daemon holds no boot; with `wait` it tries to start again as a boot step does. */
function failureOptions(flags: Flags): Pick<ProvisionOptions, 'onFailure' | 'onFailureTimeoutMs'> {
  const onFailure = oneOf('on-failure', flags.strings.get('on-failure') ?? DEFAULT_ON_FAILURE, ON_FAILURE);
  if (onFailure === 'poweroff' && flags.booleans.has('daemon'))
    throw usage(
      'CONFLICTING_FLAGS',
      '--on-failure=poweroff and --daemon exclude each other.',
      'With --daemon it is exit or wait.',
    );
  const timeout = flags.strings.get('on-failure-timeout');
  if (timeout !== undefined && onFailure === 'exit')
    throw usage('MISSING_FLAG', '--on-failure-timeout belongs to --on-failure=wait or =poweroff.');
  return {
    onFailure,
    onFailureTimeoutMs: parseDuration('on-failure-timeout', timeout ?? DEFAULT_ON_FAILURE_TIMEOUT),
  };
}

/** What it finds is not known beforehand, so nothing may be wiped in its name. */
function checkAuto(flags: Flags, devices: readonly string[]): void {
  if (devices.length > 1)
    throw usage(
      'CONFLICTING_FLAGS',
      '--storage-device=auto excludes other devices.',
      'Name all devices, or none; a file named "auto" is ./auto.',
    );
  if (flags.booleans.has('force'))
    throw usage(
      'CONFLICTING_FLAGS',
      '--force and --storage-device=auto exclude each other.',
      'Name the device that is to be wiped.',
    );
}

/** Whoever waits as long as everything may take has no time left for the disk that came. */
function waitOf(flags: Flags, timeoutMs: number): number {
  const given = flags.strings.get('wait-device');
  const text = given ?? DEFAULT_DEVICE_WAIT;
  const waitMs = /^0(ms|s|m|h)?$/.test(text) ? 0 : parseDuration('wait-device', text);
  if (given === undefined || waitMs < timeoutMs) return waitMs;
  throw usage(
    'CONFLICTING_FLAGS',
    `--wait-device=${text} is not shorter than the ${timeoutMs / 1000} s of --timeout.`,
    'Give more with --timeout: the wait is a part of it.',
  );
}

function commonOptions(flags: Flags): { poolName: string; timeoutMs: number; log: LogChoice } {
  const level = flags.strings.get('log-level') ?? 'info';
  const format = flags.strings.get('log-format') ?? 'text';
  return {
    poolName: checkedPoolName(flags.strings.get('pool-name') ?? DEFAULT_POOL),
    timeoutMs: parseDuration('timeout', flags.strings.get('timeout') ?? DEFAULT_TIMEOUT),
    log: { level: oneOf('log-level', level, LOG_LEVELS), format: oneOf('log-format', format, LOG_FORMATS) },
  };
}

function targetOf(flags: Flags, mode: ProvisionOptions['mode']): Target | undefined {
  const text = flags.strings.get('dot');
  const file = flags.strings.get('dot-file');
  const mountpoint = flags.strings.get('mountpoint');
  const owner = flags.strings.get('owner');
  const bits = flags.strings.get('mode');
  const source: DotSource | undefined =
    text !== undefined ? { text } : file !== undefined ? { file } : undefined;
  if (source === undefined && mountpoint === undefined && mode === 'daemon') {
    const idle = owner !== undefined ? 'owner' : bits !== undefined ? 'mode' : undefined;
    if (idle !== undefined)
      throw usage(
        'MISSING_FLAG',
        `--${idle} is for a dot, and none is named.`,
        'Add --dot and --mountpoint.',
      );
    return undefined;
  }
  if (source === undefined) throw missing('dot', mode);
  if (mountpoint === undefined) throw missing('mountpoint', mode);
  if (text !== undefined) parseDotAddress(text);
  return {
    dot: source,
    mountpoint: checkedMountpoint(mountpoint),
    owner: owner === undefined ? '' : parseOwner('owner', owner),
    mode: bits === undefined ? '' : parseMode('mode', bits),
  };
}

/**
 * An absolute path where something may be mounted, normalised.
 *
 * @throws DmError usage/BAD_MOUNTPOINT for a relative path, `/`, control characters, and for directories
 *   that are dotmesh's own or hold one of those
 */
export function checkedMountpoint(text: string): string {
  if (/[\0-\x1f\x7f]/.test(text))
    throw usage('BAD_MOUNTPOINT', `The mountpoint "${printable(text)}" holds a control character.`);
  if (!text.startsWith('/'))
    throw usage(
      'BAD_MOUNTPOINT',
      `The mountpoint "${printable(text)}" is not absolute.`,
      'Let it begin with /.',
    );
  const path = posix.resolve(text);
  for (const own of ['/', MOUNT_PREFIX, CONTAINER_MOUNT_PREFIX, RUN_DIRECTORY]) {
    if (
      own.startsWith(path === '/' ? path : `${path}/`) ||
      own === path ||
      (own !== '/' && path.startsWith(`${own}/`))
    )
      throw usage(
        'BAD_MOUNTPOINT',
        own === '/' || path === '/'
          ? 'A dot can not be mounted at /.'
          : `The mountpoint ${printable(path)} would cover or lie in ${own}, which dm-linuxkit needs.`,
        'Name a directory of its own, such as /var/lib/postgres.',
      );
  }
  return path;
}

/** zpool-create(8): these words begin a vdev. */
const RESERVED_POOL_NAMES = /^(mirror|raidz|draid|spare|log|cache|special|dedup)/;

/**
 * ZFS allows more in names of pools; what we leave out (spaces, colons) helps nobody in paths.
 *
 * @throws DmError usage/BAD_POOL_NAME
 */
export function checkedPoolName(name: string): string {
  if (/^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/.test(name) && !RESERVED_POOL_NAMES.test(name)) return name;
  throw usage(
    'BAD_POOL_NAME',
    `"${printable(name)}" can not be the name of a pool.`,
    'It begins with a letter and goes on with letters, digits, - and _, at most 64 in all; names of vdev types are reserved.',
  );
}

function oneOf<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find(choice => choice === text);
  if (found !== undefined) return found;
  throw usage(
    'BAD_CHOICE',
    `--${flag}=${printable(text)} is none of the choices.`,
    `Choose from ${choices.join(', ')}.`,
  );
}

function forbidBoth(flags: Flags, one: string, other: string): void {
  const has = (name: string) => flags.booleans.has(name) || flags.strings.has(name);
  if (has(one) && has(other))
    throw usage('CONFLICTING_FLAGS', `--${one} and --${other} exclude each other.`, 'Give one of them.');
}

function missing(flag: string, mode: ProvisionOptions['mode']): DmError {
  const needs =
    mode === 'daemon'
      ? '--storage-device is needed; --dot and --mountpoint go together or are both left out.'
      : '--dot, --mountpoint and --storage-device are needed; with --daemon, the last is enough.';
  return usage('MISSING_FLAG', `--${flag} is missing.`, needs);
}

function unexpected(argument: string): DmError {
  const text = `The argument "${printable(argument)}" is not expected.`;
  return usage('UNEXPECTED_ARGUMENT', text, 'Values follow their flag: --flag=value.');
}

function usage(code: string, message: string, hint?: string): DmError {
  return new DmError('usage', code, message, hint === undefined ? {} : { hint });
}
