/** API keys and passwords as hashes: making them, comparing them in constant time. */

import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { KeyHash, PasswordHash } from './state.ts';

const SCRYPT = { N: 32768, r: 8, p: 1, maxmem: 64 << 20 };
const SECRET_BYTES = 32;

/** A key has 256 random bits, or is what the machine's owner chose: a plain hash is enough, and quick. */
export function hashKey(key: string, salt = randomBytes(16).toString('hex')): KeyHash {
  return { salt, hash: createHash('sha256').update(salt).update('\0').update(key).digest('hex') };
}

export function isKey(key: string, known: KeyHash | null): boolean {
  const target = known ?? NO_KEY;
  const same = equal(Buffer.from(hashKey(key, target.salt).hash, 'hex'), Buffer.from(target.hash, 'hex'));
  return same && known !== null;
}

export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(SECRET_BYTES);
  return { salt: salt.toString('base64'), key: (await derive(password, salt)).toString('base64') };
}

/** Takes the same time when there is no password to compare with. */
export async function isPassword(password: string, known: PasswordHash | null): Promise<boolean> {
  const target = known ?? NO_PASSWORD;
  const derived = await derive(password, Buffer.from(target.salt, 'base64'));
  return equal(derived, Buffer.from(target.key, 'base64')) && known !== null;
}

/** As the original's: 32 random bytes in base32 with padding, 56 characters. */
export function newApiKey(): string {
  return base32(randomBytes(SECRET_BYTES));
}

const NO_KEY: KeyHash = { salt: '0'.repeat(32), hash: '0'.repeat(64) };
const NO_PASSWORD: PasswordHash = {
  salt: Buffer.alloc(SECRET_BYTES).toString('base64'),
  key: Buffer.alloc(SECRET_BYTES).toString('base64'),
};

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Each derivation takes 32 MiB and a core for some 60 ms: no more than two at once, whoever knocks. */
const AT_ONCE = 2;
let running = 0;
const waiting: (() => void)[] = [];

async function derive(password: string, salt: Buffer): Promise<Buffer> {
  if (running >= AT_ONCE) await new Promise<void>(resolve => waiting.push(resolve));
  else running++;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      scrypt(password, salt, SECRET_BYTES, SCRYPT, (error, key) => (error ? reject(error) : resolve(key)));
    });
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 §6. */
function base32(bytes: Buffer): string {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  const text = groups.map(group => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
  return text.padEnd(Math.ceil(text.length / 8) * 8, '=');
}
