/** The environment, read and checked: names and defaults in wire reference §7.9 and wire/environment.ts. */

import { isAbsolute } from 'node:path';
import { DmError } from '../lib/errors.ts';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../lib/log.ts';
import { CONTAINER_MOUNT_PREFIX, MOUNT_PREFIX } from '../model/layout.ts';
import { printable } from '../model/names.ts';
import { ENV } from '../wire/environment.ts';
import { DEFAULT_PORT } from '../wire/methods.ts';
import { type Address, parseAddress } from './address.ts';
import { readSecret, type Secrets } from './secrets.ts';

export interface Settings {
  pool: string;
  mountPrefix: string;
  containerMountPrefix: string;
  etcdEndpoint: string;
  pkiPath: string;
  /** undefined: the UNIX socket alone. */
  listen: Address | undefined;
  check: Address | undefined;
  socket: string | undefined;
  /** undefined: the server mounts a dataset for it. */
  stateDirectory: string | undefined;
  secrets: Secrets;
  /** Where `secrets.apiKey` was read, when that was a file. */
  adminKeyFile: string | undefined;
  logLevel: LogLevel;
  logFormat: LogFormat;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** zpool(8): begins with a letter. */
const POOL_PATTERN = /^[a-zA-Z][a-zA-Z0-9_.:-]{0,254}$/;
/** sun_path, unix(7), without its NUL. */
const SOCKET_PATH_BYTES = 107;
/** What logrus calls its levels. */
const LEVEL_ALIASES: Record<string, LogLevel> = { panic: 'error', fatal: 'error', warning: 'warn' };

/** @throws DmError usage/BAD_SETTING (one sentence per fault, the first one found), secrets/SECRET_UNREADABLE */
export function readSettings(env: Environment): Settings {
  refuseWhatIsNotHere(env);
  const listen = env[ENV.listen] === 'off' ? undefined : listenAddress(env);
  const socket = socketPath(env);
  if (!listen && !socket) throw badSetting(ENV.listen, `is off, and ${ENV.socket} is not set`);
  return {
    pool: poolName(env),
    mountPrefix: directory(env, ENV.mountPrefix) ?? MOUNT_PREFIX,
    containerMountPrefix: directory(env, ENV.containerMountPrefix) ?? CONTAINER_MOUNT_PREFIX,
    etcdEndpoint: etcdEndpoint(env),
    pkiPath: directory(env, ENV.pkiPath) ?? '/pki',
    listen,
    check: checkAddress(env, listen),
    socket,
    stateDirectory: directory(env, ENV.stateDirectory),
    secrets: {
      password: readSecret(env, ENV.adminPassword, ENV.adminPasswordFile),
      apiKey: readSecret(env, ENV.adminApiKey, ENV.adminApiKeyFile),
    },
    adminKeyFile: env[ENV.adminApiKeyFile] || undefined,
    ...logSettings(env),
  };
}

/** How to log, as far as it can be told: needed before anything else, so that faults can be shown. */
export function logSettings(env: Environment): { logLevel: LogLevel; logFormat: LogFormat } {
  const level = (env[ENV.logLevel] || 'info').toLowerCase();
  return {
    logLevel: oneOf(ENV.logLevel, LEVEL_ALIASES[level] ?? level, LOG_LEVELS),
    logFormat: oneOf(ENV.logFormat, env[ENV.logFormat] || 'text', LOG_FORMATS),
  };
}

function badSetting(name: string, what: string): DmError {
  return new DmError('usage', 'BAD_SETTING', `${name} ${what}.`);
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find(each => each === value);
  if (found === undefined) {
    throw badSetting(name, `is "${printable(value)}"; it should be one of ${allowed.join(', ')}`);
  }
  return found;
}

/** Left alone, these would change where data is kept or who may enter, without a word. */
function refuseWhatIsNotHere(env: Environment): void {
  if (env[ENV.storage] && env[ENV.storage] !== 'etcd') {
    throw badSetting(
      ENV.storage,
      `is "${printable(env[ENV.storage] ?? '')}"; this server keeps its index in etcd`,
    );
  }
  if (env[ENV.userManager]) throw badSetting(ENV.userManager, 'is set; this server keeps its users itself');
  const runtime = env[ENV.containerRuntime];
  if (runtime && runtime !== 'docker' && runtime !== 'null') {
    throw badSetting(ENV.containerRuntime, `is "${printable(runtime)}"; it should be docker or null`);
  }
}

function poolName(env: Environment): string {
  const pool = env[ENV.pool];
  if (!pool) throw badSetting(ENV.pool, 'is not set; it should name the ZFS pool');
  if (!POOL_PATTERN.test(pool))
    throw badSetting(ENV.pool, `is "${printable(pool)}", which no pool can be called`);
  return pool;
}

function directory(env: Environment, name: string): string | undefined {
  const path = env[name];
  if (!path) return undefined;
  if (!isAbsolute(path) || path.includes('\0') || path.split('/').includes('..')) {
    throw badSetting(name, `is "${printable(path)}"; it should be an absolute path without ".."`);
  }
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

function socketPath(env: Environment): string | undefined {
  const path = directory(env, ENV.socket);
  if (path !== undefined && Buffer.byteLength(path) > SOCKET_PATH_BYTES) {
    throw badSetting(
      ENV.socket,
      `is longer than the ${SOCKET_PATH_BYTES} bytes that Linux allows for a socket`,
    );
  }
  return path;
}

function etcdEndpoint(env: Environment): string {
  const endpoint = env[ENV.etcdEndpoint] || 'https://dotmesh-etcd:42379';
  const known = ['http:', 'https:', 'unix:'].includes(URL.parse(endpoint)?.protocol ?? '');
  // The value is not repeated: a URL may hold a password.
  if (!known)
    throw badSetting(ENV.etcdEndpoint, 'should be a URL that begins with http://, https:// or unix://');
  return endpoint;
}

function listenAddress(env: Environment): Address {
  const [name, text] = env[ENV.listen]
    ? [ENV.listen, env[ENV.listen] ?? '']
    : [ENV.port, `:${env[ENV.port] || DEFAULT_PORT}`];
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw badSetting(
    name,
    name === ENV.port
      ? `is "${printable(env[ENV.port] ?? '')}"; it should be a port number up to 65535`
      : `is "${printable(text)}"; it should read [HOST]:PORT or off`,
  );
}

function checkAddress(env: Environment, listen: Address | undefined): Address | undefined {
  const text = env[ENV.checkListen];
  if (text === 'off') return undefined;
  if (!text) {
    const next = listen && listen.port > 0 && listen.port < 65_535;
    return next ? { host: listen.host, port: listen.port + 1 } : undefined;
  }
  const address = parseAddress(text);
  if (address === undefined) {
    throw badSetting(ENV.checkListen, `is "${printable(text)}"; it should read [HOST]:PORT or off`);
  }
  return address;
}
