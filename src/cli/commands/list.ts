/**
 * `dm list`: the dots of the current remote as a table, as TAB-separated fields or as JSON. CLI reference
 * §1.7.
 */

import { type DotName, formatDotName, printable } from '../../model/names.ts';
import type { VolumeAndContainersList } from '../../wire/methods.ts';
import type { Context } from '../command.ts';
import { entries, onlyDot, rememberChoice, remoteLine, shownName } from '../dots.ts';
import { formatSize, formatTable } from '../print.ts';
import { currentBranch, currentDot, type Remote } from '../profile.ts';

const HEADER = ['  DOT', 'BRANCH', 'SERVER', 'CONTAINERS', 'SIZE', 'COMMITS', 'DIRTY'];

interface Row {
  dot: DotName;
  branch: string;
  server: string;
  containers: string[];
  sizeBytes: number;
  commits: number;
  dirtyBytes: number;
}

export async function run(context: Context): Promise<void> {
  const connection = await context.connect(context.profile.read());
  const { name, remote, client } = connection;
  const rows = rowsOf(await client.call('ListWithContainers', null), remote);
  const current = await currentOf(context, name, remote, rows);
  if (context.flags.has('json')) context.print(`${JSON.stringify(asJson(rows, current))}\n`);
  else if (context.flags.has('scripting')) context.print(asFields(rows));
  else context.print(remoteLine(name) + asTable(rows, current));
}

async function currentOf(context: Context, name: string, remote: Remote, rows: Row[]): Promise<string> {
  const current = currentDot(remote);
  const only = onlyDot(rows.map(({ dot }) => dot));
  if (current !== '' || !only) return current;
  await rememberChoice(context, name, only);
  return formatDotName(only);
}

function rowsOf(list: VolumeAndContainersList, remote: Remote): Row[] {
  const rows = entries(list).flatMap(([namespace, dots]) =>
    entries(dots).map(([name, { Volume: volume, Containers: containers }]): Row => {
      const dot = { namespace, name };
      return {
        dot,
        branch: printable(currentBranch(remote, dot)),
        server: printable(String(volume?.Master ?? '')),
        containers: (containers ?? []).map(container => printable(String(container.Name))),
        sizeBytes: Number(volume?.SizeBytes ?? 0),
        commits: Number(volume?.CommitCount ?? 0),
        dirtyBytes: Number(volume?.DirtyBytes ?? 0),
      };
    }),
  );
  const key = ({ dot }: Row) => formatDotName(dot);
  return rows.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function asTable(rows: Row[], current: string): string {
  const cells = rows.map(row => [
    `${formatDotName(row.dot) === current ? '* ' : '  '}${shownName(row.dot)}`,
    row.branch,
    row.server,
    row.containers.join(','),
    formatSize(row.sizeBytes),
    String(row.commits),
    formatSize(row.dirtyBytes),
  ]);
  return formatTable(HEADER, cells);
}

/** Each field is followed by a TAB, the last one too. */
function asFields(rows: Row[]): string {
  const lines = rows.map(row => [
    shownName(row.dot),
    row.branch,
    row.server,
    row.containers.join(','),
    row.sizeBytes,
    row.commits,
    row.dirtyBytes,
  ]);
  return lines.map(fields => `${fields.map(field => `${field}\t`).join('')}\n`).join('');
}

function asJson(rows: Row[], current: string) {
  return rows.map(({ dot, ...rest }) => ({ ...dot, current: formatDotName(dot) === current, ...rest }));
}
