/** Metrics for Prometheus: prom-client is kept here. Names and labels: wire reference §7.11. */

import { readdirSync } from 'node:fs';
import { Counter, Gauge, Registry, Summary } from 'prom-client';
import { within } from '../lib/retry.ts';

/** A ZFS that hangs must not hang a scrape: then the gauge keeps its last value. */
const USAGE_DEADLINE_MS = 2_000;
/** Label of every path that is no route: paths come from strangers, and each new label is kept for ever. */
const OTHER_PATHS = '/*';
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

export interface MetricsOptions {
  nodeName: string;
  pool: string;
  /** Percent in use; expected to answer from a cache. */
  poolUsage(): Promise<number>;
}

export interface Metrics {
  /** Counts an answered HTTP request. `path` undefined: it was no route. `/check` and `/metrics` are not counted. */
  countRequest(path: string | undefined, method: string, status: number, seconds: number): void;
  /** Runs `work` and records how long it took, however it ended. `method` must be one that exists. */
  timeRpc<T>(method: string, work: () => Promise<T>): Promise<T>;
  /** The text for a scrape. */
  text(): Promise<string>;
  contentType: string;
}

export function createMetrics({ nodeName, pool, poolUsage }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const httpLabels = ['url', 'http_method', 'status_code'] as const;
  const requests = new Counter({
    name: 'dm_req_total',
    help: 'HTTP requests answered.',
    labelNames: httpLabels,
    registers,
  });
  const durations = new Summary({
    name: 'dm_req_duration_seconds',
    help: 'Time to answer an HTTP request.',
    labelNames: httpLabels,
    percentiles: [],
    registers,
  });
  const rpcDurations = new Summary({
    name: 'dm_rpc_req_duration_seconds',
    help: 'Time to answer an RPC call.',
    labelNames: ['url', 'rpc_method', 'status_code'] as const,
    percentiles: [],
    registers,
  });
  new Gauge({
    name: 'dm_zpool_usage_percentage',
    help: 'How much of the pool is in use, in percent.',
    labelNames: ['node_name', 'pool_name'] as const,
    registers,
    async collect() {
      const usage = await within(poolUsage(), USAGE_DEADLINE_MS).catch(() => undefined);
      if (usage !== undefined) this.set({ node_name: nodeName, pool_name: pool }, usage);
    },
  });
  addProcessMetrics(registers);

  return {
    countRequest(path, http_method, status, seconds) {
      if (path === '/check' || path === '/metrics') return;
      const labels = { url: urlLabel(path), http_method, status_code: String(status) };
      requests.inc(labels);
      durations.observe(labels, seconds);
    },
    async timeRpc(rpc_method, work) {
      const done = rpcDurations.startTimer({ url: '/rpc', rpc_method, status_code: '200' });
      try {
        return await work();
      } finally {
        done();
      }
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

/** The `url` label of a route's path: ids become `*`, and all of the file API is one. */
export function urlLabel(path: string | undefined): string {
  if (path === undefined) return OTHER_PATHS;
  return path.startsWith('/s3') ? '/s3/*' : path.replace(UUID, '*');
}

/**
 * The names that Go's client library uses too. prom-client's own default metrics would bring a timer that wakes
 * the process a hundred times a second.
 */
function addProcessMetrics(registers: Registry[]): void {
  const started = Date.now() / 1000 - process.uptime();
  const gauges: [name: string, help: string, read: () => number][] = [
    ['process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss()],
    ['process_start_time_seconds', 'Start time of the process since the epoch.', () => started],
    ['process_open_fds', 'Number of open file descriptors.', () => readdirSync('/proc/self/fd').length],
  ];
  for (const [name, help, read] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time spent.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}
