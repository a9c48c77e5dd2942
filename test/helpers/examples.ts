/** The examples and the pages as they lie in the repository, and the command lines in them. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse } from 'yaml';

const root = process.cwd();
const folder = join(root, 'linuxkit-examples');

/** An image of the sections `onboot` and `services`, as far as the tests look at it. */
export interface Entry {
  name: string;
  image: string;
  command?: string[];
  binds?: string[];
  capabilities?: string[];
  rootfsPropagation?: string;
  runtime?: { mkdir?: string[] };
}

export interface Example {
  name: string;
  text: string;
  yaml: { kernel: { image: string }; init: string[]; onboot: Entry[]; services: Entry[]; files?: unknown };
}

/** The YAML files for LinuxKit; Compose and Kubernetes have theirs. */
export const examples: Example[] = readdirSync(folder)
  .filter(name => name.endsWith('.yml') && name !== 'compose.yml')
  .map(name => {
    const text = readExample(name);
    return { name, text, yaml: parse(text) as Example['yaml'] };
  });

export function readExample(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

/** A YAML file with anchors and merge keys, as Compose reads it. */
export function parseExample(name: string): unknown {
  return parse(readExample(name), { merge: true });
}

export const isOurs = ({ command }: { command?: string[] | undefined }): boolean =>
  command?.[0] === '/usr/bin/dm-linuxkit';

export interface Line {
  /** File, and the line as it stands there. */
  where: string;
  argv: string[];
}

/** READMEs, docs and the comments of the examples. */
const texts = [
  'README.md',
  'pkg/dm-linuxkit/README.md',
  'pkg/zfs-kmod/README.md',
  ...readdirSync(join(root, 'docs')).map(name => `docs/${name}`),
  ...readdirSync(folder, { recursive: true })
    .map(name => relative(root, join(folder, String(name))))
    .filter(name => name.endsWith('.yml')),
];

/**
 * Command lines of `program`: whole lines of code blocks and comments. A prompt, what `#` begins after a blank,
 * `\` at the end, and the brackets of what may be left out are taken away; `&&` and `|` separate commands.
 */
export function commandLines(program: string): Line[] {
  return texts.flatMap(path => {
    const whole = readFileSync(join(root, path), 'utf8').replace(/ *\\\n(?:#)? */g, ' ');
    return whole.split('\n').flatMap(line =>
      line
        .replace(/^[#\s]*(?:\$ )?/, '')
        .replace(/\s+#\s.*$/, '')
        .replace(/[[\]]/g, '')
        .split(/\s*(?:&&|\|)\s*/)
        .map(command => command.replace(/^(?:sudo |[A-Z_]+=\S+ )+/, '').replace(/\s*[<>].*$/, ''))
        .filter(command => command.startsWith(`${program} -`) || isVerb(program, command))
        .map(command => ({ where: `${path}: ${command}`, argv: command.trim().split(/\s+/).slice(1) })),
    );
  });
}

/** `linuxkit build …` is a command line, "linuxkit is …" at the start of a line of prose is none. */
function isVerb(program: string, command: string): boolean {
  const verbs = { linuxkit: 'build|run|push|pkg|metadata', 'dm-linuxkit': 'stop|metadata' }[program];
  return verbs !== undefined && new RegExp(`^${program} (?:${verbs})(?: |$)`).test(command);
}
