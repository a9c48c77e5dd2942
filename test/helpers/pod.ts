/** A pod of linuxkit-examples/kubernetes as containerd and runc would run it on a node, in the words of an image YAML. */

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Entry } from './vm.ts';

interface Container {
  name: string;
  command?: string[];
  securityContext?: { privileged?: boolean; runAsUser?: number; runAsGroup?: number };
  volumeMounts: { name: string; mountPath: string; mountPropagation?: keyof typeof PROPAGATION }[];
}

interface Pod {
  spec: {
    initContainers: Container[];
    containers: Container[];
    volumes: { name: string; hostPath: { path: string; type?: string } }[];
  };
}

const PROPAGATION = { None: 'rprivate', HostToContainer: 'rslave', Bidirectional: 'rshared' };

/** Kubernetes knows nothing of our label: nothing is there but what the pod says. */
const IMAGE = 'example/of-a-pod:1';

export function podEntries(name: string): { init: Entry[]; applications: Entry[]; folders: string[] } {
  const { spec } = parse(readFileSync(`linuxkit-examples/kubernetes/${name}`, 'utf8')) as Pod;
  const pathOf = new Map(spec.volumes.map(({ name, hostPath }) => [name, hostPath.path]));
  const entry = ({ name, command, securityContext = {}, volumeMounts }: Container): Entry => {
    const { privileged = false, runAsUser = 0, runAsGroup = 0 } = securityContext;
    const propagations = volumeMounts.map(({ mountPropagation = 'None' }) => PROPAGATION[mountPropagation]);
    // As containerd has it: the root filesystem spreads mounts as far as one of the volumes needs it.
    const ofRoot = ['rshared', 'rslave'].find(each => propagations.includes(each));
    return {
      name,
      image: IMAGE,
      ...(command ? { command } : {}),
      uid: runAsUser,
      gid: runAsGroup,
      binds: volumeMounts.map(
        ({ name, mountPath }, index) => `${pathOf.get(name)}:${mountPath}:rw,${propagations[index]}`,
      ),
      capabilities: [privileged ? 'all' : 'none'],
      ...(privileged ? { devices: [{ path: 'all', type: 'a' }] } : {}),
      ...(ofRoot ? { rootfsPropagation: ofRoot } : {}),
    };
  };
  return {
    init: spec.initContainers.map(entry),
    applications: spec.containers.map(entry),
    folders: spec.volumes
      .filter(({ hostPath }) => hostPath.type === 'DirectoryOrCreate')
      .map(({ hostPath }) => hostPath.path),
  };
}
