/** Whether the dot that was mounted is of use to anybody: a container's mount may be seen by nobody else. */

import { printable } from '../model/names.ts';
import { isHiddenAt } from '../system/reach.ts';

/** @returns '' when the machine sees what is mounted there, as far as can be told; else one sentence for a warning */
export async function unseenOutside(mountpoint: string): Promise<string> {
  if (!(await isHiddenAt(mountpoint))) return '';
  return `${printable(mountpoint)} is seen in this container only: it has to lie in a bind of the machine with the option rshared (below /var in our image's label, mountPropagation: Bidirectional with Kubernetes), and rootfsPropagation has to be shared.`;
}
