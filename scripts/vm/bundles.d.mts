/** A file below /containers. */
export interface Bundle {
  path: string;
  data: string;
}
/** As `docker inspect` has it. */
export interface ImageConfig {
  Env: string[];
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
}
export interface MachineYaml {
  onboot?: object[];
  services?: object[];
}
export function bundles(yaml: MachineYaml, image: ImageConfig, options?: { toConsole?: string[] }): Bundle[];
