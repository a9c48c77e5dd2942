// Runs the tests by tier, says what failed and why, and ends with the line "N passed, N failed".
// Usage: node scripts/test.mjs [--tier=lint|unit|image|zfs|guest|crash|vm]… [--deadline=SECONDS] [NAME…]
// NAME is a part of a test file's path. With CI set, a file on real pools that fails is run once more (see `again`). FULL=1 repeats as often as the issues ask; the tests read it themselves.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPrograms, buildTests } from './build.mjs';
import { distDir, nodeBin, root } from './lib/paths.mjs';
import { Failure, main } from './lib/run.mjs';
import { setup } from './setup.mjs';
import { killAllGroups } from './test/host.mjs';
import { removeLeftovers } from './test/leftovers.mjs';
import { tiers } from './test/tiers.mjs';

const print = text => process.stdout.write(`${text}\n`);
const indent = text => text.replace(/^/gm, '    ');

class Run {
  id = randomBytes(4).toString('hex');
  folder = mkdtempSync(join(tmpdir(), 'dm-test-'));
  passed = 0;
  failed = 0;
  stopped = false;
  matched = 0;
  kept = { names: [], pool: undefined };
  guests = new Set();
  secondTries = [];

  constructor({ names, deadlineMs }) {
    this.names = names;
    this.deadlineMs = deadlineMs;
  }

  /** What every test gets. DM_TEST marks its processes as ours: leftovers are found by it. */
  env(more = {}, { guest = false } = {}) {
    const everywhere = {
      DM_TEST: this.id,
      DM_TIER: this.tier,
      DM_ROOT: root,
      DM_DIST: distDir,
      FULL: process.env.FULL ?? '',
    };
    // `#!/usr/bin/env node` finds our Node. A guest has its own TMPDIR, DM_NODE and PATH (../guest/boot.mjs).
    const path = `${dirname(nodeBin)}:${process.env.PATH}`;
    const host = {
      TMPDIR: this.folder,
      DM_NODE: nodeBin,
      PATH: path,
      ...(this.kit ? { DM_GUEST: this.kit } : {}),
    };
    return { ...everywhere, ...(guest ? {} : host), ...more };
  }

  report(name, { passed, failed, skipped, failures, output = '', seconds }) {
    this.passed += passed;
    this.failed += failed;
    const counts = [`${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} SKIPPED`]
      .filter(Boolean)
      .join(', ');
    print(`  ${failed ? '✘' : '✔'} ${name}: ${counts} (${seconds.toFixed(1)} s)`);
    for (const each of failures) print(indent(each));
    if (output.trim() && (failed || process.env.V))
      print(indent(`(output)\n${output.trim().split('\n').slice(-60).join('\n')}`));
  }

  /**
   * In CI a file on real pools that fails is run once more, on a clean machine: zfs-fuse wedges, and a machine that
   * others load misses deadlines. What passes only then is counted, and named at the end as what it is.
   *
   * @returns whether to run it again; the failure has been shown but not counted then
   */
  again(name, result, attempt) {
    if (result.failed === 0 && attempt > 1) this.secondTries.push(name);
    if (result.failed === 0 || attempt > 1 || !process.env.CI || this.stopped) return false;
    // A dot lost once in ten power cuts is lost: of these only what could not be finished is run again.
    if ((this.tier === 'crash' || name.includes('power-cut')) && !result.ended) return false;
    this.report(`${name} (first try, to be run again)`, {
      ...result,
      passed: 0,
      failed: 0,
      failures: [`✘ ${result.failed} failed`, ...result.failures],
    });
    return true;
  }

  fail(text) {
    this.failed += 1;
    print(`  ✘ ${text}`);
  }

  wants = path => this.names.length === 0 || this.names.some(name => path.includes(name));

  /** A tier without tests has not been run, and says so; with NAMES, the others simply do not match. */
  isEmpty(files) {
    this.matched += files.length;
    if (files.length === 0 && this.names.length === 0)
      this.fail(`there is no test in the tier "${this.tier}"`);
    return files.length === 0;
  }

  /** What in the run's folder, and which pool, belongs to the runner itself. */
  keep(names, pool) {
    this.kept = { names, pool };
  }

  onGuest = guest => {
    this.guests.add(guest);
    guest.done.then(() => this.guests.delete(guest));
  };

  async checkLeftovers() {
    const { names, pool } = this.kept;
    const zfs = this.tier === 'zfs' || this.tier === 'crash';
    for (const each of await removeLeftovers({
      id: this.id,
      folder: this.folder,
      keep: names,
      except: pool,
      zfs,
    })) {
      this.fail(`left behind by the tier "${this.tier}": ${each}`);
    }
  }

  stop() {
    this.stopped = true;
    killAllGroups();
    for (const guest of this.guests) guest.kill();
  }
}

async function prepare(run, chosen) {
  if (chosen.some(name => name !== 'lint')) {
    for (const { path, message } of await buildTests()) {
      if (run.wants(path)) run.fail(`${path} does not compile:\n${indent(message)}`);
    }
  }
  // The unit tests run the client, all others the other programs too, as a user would.
  if (chosen.some(name => name !== 'lint')) {
    await buildPrograms().catch(error => run.fail(`the programs are not built:\n${indent(error.message)}`));
  }
}

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { tier: { type: 'string', multiple: true }, deadline: { type: 'string' } },
  });
  const chosen = values.tier ?? Object.keys(tiers);
  for (const name of chosen)
    if (!tiers[name]) throw new Failure(`test: "${name}" is none of ${Object.keys(tiers).join(', ')}`);
  setup('test');

  const run = new Run({
    names: positionals,
    deadlineMs: values.deadline ? Number(values.deadline) * 1000 : undefined,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => run.stop());
  await prepare(run, chosen);
  for (const name of chosen) {
    if (run.stopped) break;
    const before = { passed: run.passed, failed: run.failed };
    const started = Date.now();
    run.tier = name;
    print(`${name}`);
    try {
      await tiers[name](run);
      await run.checkLeftovers();
    } catch (error) {
      run.fail(`THE TIER "${name}" COULD NOT RUN: ${error instanceof Failure ? error.message : error.stack}`);
    }
    print(
      `${name}: ${run.passed - before.passed} passed and ${run.failed - before.failed} failed in ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
    );
  }
  rmSync(run.folder, { recursive: true, force: true });
  if (run.stopped) run.fail('stopped by a signal before the end');
  if (positionals.length && run.matched === 0) run.fail(`no test file matches ${positionals.join(' ')}`);
  for (const name of run.secondTries) print(`PASSED ONLY AT THE SECOND TRY: ${name}`);
  print(`${run.passed} passed, ${run.failed} failed`);
  return run.failed ? 1 : 0;
});
