/**
 * The environment of the server process: names, wire reference §7.9, and ours (additive). dm-linuxkit writes it,
 * dotmesh-server reads it.
 */

export const ENV = {
  pool: 'POOL',
  mountPrefix: 'MOUNT_PREFIX',
  containerMountPrefix: 'CONTAINER_MOUNT_PREFIX',
  port: 'DOTMESH_SERVER_PORT',
  /** `http://…`, `https://…` with certificates below DOTMESH_PKI_PATH, or (ours) `unix:///path` */
  etcdEndpoint: 'DOTMESH_ETCD_ENDPOINT',
  pkiPath: 'DOTMESH_PKI_PATH',
  /** base64 of the value */
  adminPassword: 'INITIAL_ADMIN_PASSWORD',
  adminApiKey: 'INITIAL_ADMIN_API_KEY',
  containerRuntime: 'CONTAINER_RUNTIME',
  disableFlexvolume: 'DISABLE_FLEXVOLUME',
  logLevel: 'LOG_LEVEL',
  /** Ours: `[HOST]:PORT` to listen on, or `off` for the UNIX socket alone; wins over DOTMESH_SERVER_PORT. */
  listen: 'DOTMESH_LISTEN',
  /** Ours: path of the UNIX socket on which the caller is admin. Absent: no such socket. */
  socket: 'DOTMESH_SOCKET',
  /** Ours: directory on the pool, 0700, for state.json. Absent: the server mounts POOL/dotmesh-etcd itself. */
  stateDirectory: 'DOTMESH_STATE_DIR',
  /** Ours: files that hold the secrets in clear, 0600; a trailing newline does not count. */
  adminPasswordFile: 'DOTMESH_ADMIN_PASSWORD_FILE',
  adminApiKeyFile: 'DOTMESH_ADMIN_API_KEY_FILE',
  /** Ours: `text` or `json`. */
  logFormat: 'DOTMESH_LOG_FORMAT',
  /** Ours: `[HOST]:PORT` of the liveness listener, or `off`. Default: the port after the main one. */
  checkListen: 'DOTMESH_CHECK_LISTEN',
  /** The original's, refused when they ask for what is not here: `boltdb`, an external user manager. */
  storage: 'DOTMESH_STORAGE',
  userManager: 'EXTERNAL_USER_MANAGER_URL',
} as const;
