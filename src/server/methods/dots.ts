/** Methods about dots. Wire reference §2.1. */

import type { DotmeshVolume } from '../../wire/methods.ts';
import type { MethodsOf } from './method.ts';

type Names =
  | 'List'
  | 'ListWithContainers'
  | 'Get'
  | 'Lookup'
  | 'Exists'
  | 'Create'
  | 'Delete'
  | 'Fork'
  | 'Procure';

export const dotMethods: MethodsOf<Names> = {
  List: {
    needs: 'authenticated',
    run: async ({ caller, workshop }) => byName(await workshop.dots.list(caller), volume => volume),
  },
  ListWithContainers: {
    needs: 'authenticated',
    run: async ({ caller, workshop }) =>
      byName(await workshop.dots.list(caller), Volume => ({ Volume, Containers: [] })),
  },
  Get: { needs: 'authenticated', run: ({ caller, workshop }, id) => workshop.dots.get(caller, id) },
  Lookup: { needs: 'authenticated', run: ({ caller, workshop }, ref) => workshop.dots.lookup(caller, ref) },
  Exists: { needs: 'authenticated', run: ({ caller, workshop }, ref) => workshop.dots.exists(caller, ref) },
  Create: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, ref): Promise<true> => {
      await workshop.dots.create(caller, ref);
      return true;
    },
  },
  Delete: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, ref): Promise<true> => {
      await workshop.dots.delete(caller, ref);
      return true;
    },
  },
  Fork: {
    needs: 'admin',
    run: ({ caller, workshop }, { MasterBranchID, ForkNamespace, ForkName }) =>
      workshop.dots.fork(caller, MasterBranchID, { Namespace: ForkNamespace, Name: ForkName }),
  },
  Procure: { needs: 'admin', run: ({ caller, workshop }, ref) => workshop.dots.procure(caller, ref) },
};

/** By namespace, then by name, sorted as Go writes maps. */
function byName<T>(
  volumes: readonly DotmeshVolume[],
  entry: (volume: DotmeshVolume) => T,
): Record<string, Record<string, T>> {
  const namespaces = new Map<string, Map<string, T>>();
  for (const volume of [...volumes].sort(compareNames)) {
    const names = namespaces.get(volume.Name.Namespace) ?? new Map<string, T>();
    namespaces.set(volume.Name.Namespace, names.set(volume.Name.Name, entry(volume)));
  }
  // fromEntries defines members: a dot may be called __proto__, which an assignment would lose.
  return Object.fromEntries([...namespaces].map(([name, dots]) => [name, Object.fromEntries(dots)]));
}

function compareNames({ Name: a }: DotmeshVolume, { Name: b }: DotmeshVolume): number {
  const [left, right] = [`${a.Namespace}/${a.Name}`, `${b.Namespace}/${b.Name}`];
  return left < right ? -1 : Number(left > right);
}
