// Reads what `ava --tap` wrote: how many tests passed and failed, and the text of each failure as a person reads it.

/** A result line and everything indented or commented below it belong together. */
export function readTap(text) {
  const result = { passed: 0, failed: 0, skipped: 0, failures: [], complete: /^1\.\.\d+$/m.test(text) };
  let block;
  for (const line of text.split('\n')) {
    const head = /^(ok|not ok) \d+ - (.*)$/.exec(line);
    if (head) {
      block = undefined;
      const [, verdict, title] = head;
      // "not ok … # TODO" is a test that is known to fail: neither number is honest, so it is named as skipped.
      if (/ # (SKIP|TODO)/i.test(title)) result.skipped += 1;
      else if (verdict === 'ok') result.passed += 1;
      else {
        result.failed += 1;
        block = [`✘ ${title}`];
        result.failures.push(block);
      }
    } else if (block && /^# {3}/.test(line))
      block.push(line); // t.log
    else if (/^(1\.\.\d+|# (tests|pass|fail|skip|todo) \d*|TAP version .*|# )/.test(line)) block = undefined;
    else if (block && line.trim() && !/^\s+(---|\.\.\.)$/.test(line)) block.push(line);
  }
  return { ...result, failures: result.failures.map(lines => lines.join('\n')) };
}
