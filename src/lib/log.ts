/** The log: pino is kept here. Lines go to stderr, as text for people or as JSON; secrets are blanked by path. */

import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

const SECRETS = ['apiKey', 'ApiKey', 'password', 'Password', 'NewPassword', 'authorization', 'Authorization'];
const LEVEL_NAMES: Record<number, string> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

export interface LogOptions {
  /** Program name, shown in front of each line. */
  name: string;
  level: LogLevel;
  format: LogFormat;
  /** Default: stderr, written at once, so that the last line before an exit is not lost. */
  destination?: DestinationStream;
}

export function createLog({ name, level, format, destination }: LogOptions): Log {
  const target = destination ?? { write: (line: string) => void process.stderr.write(line) };
  const out = format === 'text' ? { write: (line: string) => target.write(asText(line)) } : target;
  return pino(
    {
      name,
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: SECRETS.flatMap(key => [key, `*.${key}`]), censor: '[secret]' },
    },
    out,
  );
}

/** One JSON line of pino as `name: message (key=value …)`; warnings and errors say that they are. */
function asText(line: string): string {
  const { level, time, name, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const word = LEVEL_NAMES[Number(level)] ?? 'info';
  const details = Object.entries({ ...rest, ...(err ? { err: (err as { message?: string }).message } : {}) })
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const mark = word === 'info' ? '' : `${word}: `;
  return `${time} ${name}: ${mark}${msg ?? ''}${details ? ` (${details})` : ''}\n`;
}
