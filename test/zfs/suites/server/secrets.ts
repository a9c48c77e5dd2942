/** Secrets are nobody's to see: not in the arguments of a process, a log, or etcd. */

import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import type { ServerBed } from '../../../helpers/server-bed.ts';
import { EVE } from './original.ts';

const LOOK_EVERY_MS = 5;

/** Collects the command lines of all processes; stop it to get them. */
function watchCommandLines(): () => string[] {
  const seen = new Set<string>();
  const look = () => {
    for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
      } catch {
        // It ended between the two looks.
      }
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    look();
    return [...seen];
  };
}

export function secretsSuite(test: TestFn, bed: () => ServerBed): void {
  test.serial('no secret stands in an argument of a process, in the log, or in etcd', async t => {
    await bed().down();
    const stop = watchCommandLines();
    await bed().up();
    const passwords = [bed().at.password, 'another-password'];
    const keys = [bed().at.key, (await readFile(join(bed().at.folder, 'key'), 'utf8')).trim(), EVE.ApiKey];
    const byPassword = { auth: `admin:${bed().at.password}` };
    const { result } = await bed().call('ResetApiKey', null, byPassword);
    bed().at.key = (result as { ApiKey: string }).ApiKey;
    keys.push(bed().at.key);
    await bed().call('UpdatePassword', { NewPassword: 'another-password' }, byPassword);
    bed().at.password = 'another-password';
    await bed().call('Ping', null, { auth: 'admin:a-wrong-secret' });
    await bed().call('CurrentUser', { ApiKey: 'a-wrong-secret' });
    await bed().create('quiet');
    await bed().admin('Procure', { Namespace: 'admin', Name: 'quiet', Subdot: 'data' });
    await bed().admin('Delete', { Namespace: 'admin', Name: 'quiet' });
    const commandLines = stop();
    t.true(
      commandLines.some(line => /\bzfs\b.*\bcreate\b/.test(line)),
      'the watch saw nothing',
    );
    t.regex(bed().log, /debug/i);

    const secrets = [...keys, ...passwords, 'initial-password', 'a-wrong-secret'];
    const etcd = JSON.stringify(await bed().dumpEtcd());
    for (const secret of secrets) {
      const forms = [secret, base64(secret), base64(`admin:${secret}`), base64(`eve:${secret}`)];
      for (const form of forms.map(each => each.replace(/=+$/, ''))) {
        t.false(
          commandLines.some(line => line.includes(form)),
          `${form} in an argument`,
        );
        t.false(bed().log.includes(form), `${form} in the log`);
        t.false(etcd.includes(form), `${form} in etcd`);
      }
    }
  });
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
