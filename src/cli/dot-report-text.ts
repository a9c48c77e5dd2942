/** The two printed forms of `dm dot show`; tests and scripts search them. CLI reference §1.10. */

import type { BranchReport, DotReport, Replica } from './dot-report.ts';
import { formatSize } from './print.ts';

/** TAB-separated, one fact a line. */
export function asFields(report: DotReport): string {
  const lines: (string | number)[][] = [
    ['namespace', report.namespace],
    ['name', report.name],
    ['masterBranchId', report.masterBranchId],
    ...(report.selected ? [['selected']] : []),
    ['commitCount', report.commits],
    ['size', report.sizeBytes],
    ['dirty', report.dirtyBytes],
    ['currentBranch', report.currentBranch],
    ...report.branches.flatMap(branchFields),
    ...report.upstreams.map(({ remote, dot }) => ['defaultUpstreamDot', remote, dot]),
    ...report.subdots.map(name => ['subdot', name]),
  ];
  return lines.map(fields => `${fields.join('\t')}\n`).join('');
}

function branchFields({ id, name, containers, replicas = [] }: BranchReport): string[][] {
  return [
    ['branch', id, name],
    ...containers.map(container => ['container', name, container]),
    ...replicas.map(({ server, master, status, missing }) => [
      'latency',
      server,
      master ? 'master' : 'replica',
      status,
      ...missing,
    ]),
  ];
}

export function asText(report: DotReport): string {
  const dirty = report.dirtyBytes > 0 ? `(${formatSize(report.dirtyBytes)} dirty)` : '(all clean)';
  const lines = [
    `Dot ${report.namespace}/${report.name}:`,
    `Master branch ID: ${report.masterBranchId}`,
    ...(report.selected ? ['Dot is currently selected.'] : []),
    `Commits: ${report.commits}`,
    `Dot size: ${formatSize(report.sizeBytes)} ${dirty}`,
    'Branches:',
    ...report.branches.flatMap(branch => branchLines(branch, report.currentBranch)),
    ...(report.subdots.length > 0 ? [`Subdots: ${report.subdots.join(', ')}`] : []),
    ...report.upstreams.map(({ remote, dot }) => `Tracks dot ${dot} on remote ${remote}`),
  ];
  return lines.map(line => `${line}\n`).join('');
}

function branchLines({ id, name, containers, replicas }: BranchReport, current: string): string[] {
  const users = containers.length > 0 ? ` (containers: ${containers.join(',')})` : '';
  return [
    `${name === current ? '* ' : '  '}${name} (${id})${users}`,
    ...(replicas ? ['   Replication Status:', ...replicas.map(replicaLine)] : []),
  ];
}

function replicaLine({ server, master, status, missing }: Replica): string {
  const state = missing.length === 0 ? 'is up to date' : `is missing [${missing.join(' ')}]`;
  const mark = master ? '[MASTER]' : ' '.repeat('[MASTER]'.length);
  return `    server ${server} ${mark} (status: ${status}) ${state}`;
}
