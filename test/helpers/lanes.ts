/** Jobs side by side, one at a time in each lane (a CPU). */

/** Starts at once; job N's promise settles with what it gave. A failed job does not hold up the others. */
export function inLanes<Lane, T>(
  lanes: readonly Lane[],
  jobs: readonly ((lane: Lane) => Promise<T>)[],
): Promise<T>[] {
  const waiting = jobs.map(job => ({ job, ...Promise.withResolvers<T>() }));
  const promises = waiting.map(({ promise }) => promise);
  // Whoever awaits them later still gets the error.
  for (const promise of promises) promise.catch(() => undefined);
  const run = async (lane: Lane) => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      await next.job(lane).then(next.resolve, next.reject);
  };
  for (const lane of lanes) void run(lane);
  return promises;
}
