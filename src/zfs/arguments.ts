/** Arguments for `zfs` and `zpool`, checked before they are given away. */

import { DmError } from '../lib/errors.ts';

/** zfs(8), limits of zfs_namecheck.c. No leading dash: no name is taken for an option. */
const COMPONENT = '[a-zA-Z0-9_.:][-a-zA-Z0-9_.: ]*';
const DATASET = new RegExp(`^[a-zA-Z][-a-zA-Z0-9_.: ]*(/${COMPONENT})*(@${COMPONENT})?$`);
const LONGEST_NAME = 255;
const PROPERTY = /^[a-z0-9][-a-z0-9:._@]*$/;
/** ZAP_MAXVALUELEN with its NUL; `zfs` aborts (SIGABRT, a core) on a longer one. */
const LONGEST_VALUE = 8191;

/** @throws DmError internal/INVALID_DATASET: names are made by us, so a wrong one is a fault of ours */
export function dataset(name: string): string {
  const bad = !DATASET.test(name) || name.length > LONGEST_NAME || /(^|\/)\.\.?(\/|@|$)/.test(name);
  if (bad)
    throw new DmError('internal', 'INVALID_DATASET', `${JSON.stringify(name)} is no name of a dataset.`);
  return name;
}

/** `property=value`. @throws DmError internal/INVALID_PROPERTY (a value over 8191 bytes, or with NUL, too) */
export function assignment(property: string, value: string): string {
  if (Buffer.byteLength(value) > LONGEST_VALUE || value.includes('\0')) {
    throw new DmError('internal', 'INVALID_PROPERTY', `The value of ${property} is too long or holds a NUL.`);
  }
  return `${propertyName(property)}=${value}`;
}

export function propertyName(property: string): string {
  if (PROPERTY.test(property)) return property;
  throw new DmError('internal', 'INVALID_PROPERTY', `${JSON.stringify(property)} is no name of a property.`);
}

/** `-o a=1 -o b=2` */
export function options(flag: '-o' | '-O', properties: Record<string, string> = {}): string[] {
  return Object.entries(properties).flatMap(([name, value]) => [flag, assignment(name, value)]);
}
