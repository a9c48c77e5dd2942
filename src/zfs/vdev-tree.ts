/** The `config:` section of `zpool status` and `zpool import`: a tree by indentation. Pure. */

export interface Device {
  path: string;
  state: string;
}

const STATES = 'ONLINE|DEGRADED|FAULTED|OFFLINE|UNAVAIL|REMOVED|AVAIL|INUSE|SPLIT';
const NODE = new RegExp(`^\\t( *)(\\S.*?)\\s+(${STATES})\\b(.*)$`);

interface Node {
  depth: number;
  name: string;
  state: string;
  note: string;
}

/**
 * Leaves of the tree with their states: data devices, logs, caches and spares. A device that is gone is named by
 * its guid, and its path stands behind `was`. Names without a directory are below /dev.
 */
export function parseDevices(config: readonly string[]): Device[] {
  const nodes = config.flatMap(line => parseNode(line) ?? []);
  return nodes
    .filter((node, at) => node.depth > 0 && (nodes[at + 1]?.depth ?? 0) <= node.depth)
    .map(node => ({ path: pathOf(node), state: node.state }));
}

function parseNode(line: string): Node | undefined {
  const match = NODE.exec(line);
  if (match) {
    const [, indent = '', name = '', state = '', note = ''] = match;
    return { depth: indent.length / 2, name, state, note };
  }
  // `zpool import` lists spares and cache devices without a state, below a heading that has none either.
  const bare = /^\t {2}(\S+)\s*$/.exec(line)?.[1];
  return bare === undefined ? undefined : { depth: 1, name: bare, state: 'ONLINE', note: '' };
}

function pathOf({ name, note }: Node): string {
  const was = /\bwas (\/.*?)(?:\/old)?$/.exec(note)?.[1];
  if (was !== undefined) return was;
  return name.startsWith('/') || /^\d+$/.test(name) ? name : `/dev/${name}`;
}
