import type { ImageConfig } from './bundles.mjs';

export interface OciConfig {
  process: {
    user: { uid: number; gid: number };
    args: string[];
    env: string[];
    capabilities: Record<string, string[]>;
  };
  mounts: { destination: string; type: string; source: string; options: string[] }[];
  linux: { namespaces: { type: string }[]; resources: { devices: object[] }; rootfsPropagation?: string };
}
export function ociConfig(
  entry: { name: string; image: string; [key: string]: unknown },
  image: ImageConfig,
): OciConfig;
