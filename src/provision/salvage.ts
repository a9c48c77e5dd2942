/**
 * What can be read of a command line that is wrong somewhere: where an application would run, and what its owner wants
 * of a boot that fails. LinuxKit goes on after a misspelled flag as after any other failure. Pure.
 */

import { isDmError } from '../lib/errors.ts';
import { looseFlags } from '../lib/flags.ts';
import type { LogFormat } from '../lib/log.ts';
import { DEFAULT_POOL } from '../model/layout.ts';
import { DEFAULT_ON_FAILURE, DEFAULT_ON_FAILURE_TIMEOUT, FLAGS } from './flags.ts';
import { ON_FAILURE, type OnFailure } from './on-failure.ts';
import { checkedMountpoint, checkedPoolName } from './options.ts';
import { parseDuration } from './values.ts';

export interface Salvaged {
  mode: 'oneshot' | 'daemon';
  poolName: string;
  /** Every directory that is named as one. */
  mountpoints: string[];
  /** '' when none is named. */
  dot: string;
  onFailure: OnFailure;
  onFailureTimeoutMs: number;
  console: string | undefined;
}

/** Without any of these it is no step of a boot: the status of the last one stays. */
const STAKES = ['mountpoint', 'on-failure', 'console'];

/** They are no steps of a boot. */
const VERBS = ['stop', 'unmount', 'metadata'];

/** Undefined when nothing is at stake: another command, a question, or somebody who tries it out. */
export function salvage(argv: readonly string[]): Salvaged | undefined {
  const { values, rest } = looseFlags(argv, FLAGS);
  const [verb] = rest;
  if (VERBS.includes(verb ?? '') || values.has('help') || values.has('version')) return undefined;
  if (!STAKES.some(flag => values.has(flag))) return undefined;
  const given = (flag: string) => values.get(flag) ?? [];
  const [dot = ''] = given('dot');
  const mode = values.has('daemon') ? 'daemon' : 'oneshot';
  return {
    mode,
    poolName: firstSound(given('pool-name'), checkedPoolName) ?? DEFAULT_POOL,
    mountpoints: [...new Set(given('mountpoint').flatMap(text => sound(text, checkedMountpoint) ?? []))],
    dot,
    onFailure: mode === 'daemon' ? DEFAULT_ON_FAILURE : onFailureOf(given('on-failure')),
    onFailureTimeoutMs:
      firstSound(given('on-failure-timeout'), text => parseDuration('on-failure-timeout', text)) ??
      parseDuration('on-failure-timeout', DEFAULT_ON_FAILURE_TIMEOUT),
    console: given('console')[0],
  };
}

/** How the last words are to be written, whatever else is wrong with the command line. */
export function salvageLogFormat(argv: readonly string[]): LogFormat {
  const given = looseFlags(argv, FLAGS).values.get('log-format') ?? [];
  return given.includes('json') ? 'json' : 'text';
}

/** Whoever gives the flag does not want the boot to go on: where the word is none, it is held. */
function onFailureOf(given: readonly string[]): OnFailure {
  if (given.length === 0) return DEFAULT_ON_FAILURE;
  const [choice] = new Set(given);
  return (new Set(given).size === 1 && ON_FAILURE.find(each => each === choice)) || 'wait';
}

function firstSound<T>(texts: readonly string[], read: (text: string) => T): T | undefined {
  for (const text of texts) {
    const value = sound(text, read);
    if (value !== undefined) return value;
  }
  return undefined;
}

function sound<T>(text: string, read: (text: string) => T): T | undefined {
  try {
    return read(text);
  } catch (error) {
    if (isDmError(error)) return undefined;
    throw error;
  }
}
