/** Users: who someone is, and the secrets that show it. Kept in the state file, copied to the index. */

import { createHash } from 'node:crypto';
import { DmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { SafeUser } from '../wire/methods.ts';
import { ADMIN_ID, type Caller, type Logins } from './index.ts';
import type { IndexWriter } from './index-writer.ts';
import { userValues } from './keyspace.ts';
import { hashKey, hashPassword, isKey, isPassword, newApiKey } from './secrets.ts';
import type { StoredUser } from './state.ts';
import type { StateStore } from './state-file.ts';

/** §1.3; in bytes. */
const SHORTEST_PASSWORD = 7;

export const freshAdmin = (): StoredUser => ({
  id: ADMIN_ID,
  name: 'admin',
  email: '',
  metadata: null,
  apiKey: null,
  password: null,
  applied: { apiKey: null, password: null },
});

export function createUsers({
  store,
  index,
  log,
  keepAdminKey,
}: {
  store: StateStore;
  index: IndexWriter;
  log: Log;
  /** Writes the admin's key where a later start finds it again. */
  keepAdminKey: ((key: string) => Promise<void>) | undefined;
}): Logins {
  const all = () => store.state.users;
  /** One after the other: file and state name the same key afterwards. */
  let resets: Promise<unknown> = Promise.resolve();

  function known(id: string): StoredUser {
    const user = all().find(one => one.id === id);
    if (!user) throw new DmError('denied', 'USER_MISSING', `User id=${id} not found`);
    return user;
  }

  async function edit(id: string, change: Partial<StoredUser>): Promise<StoredUser> {
    await store.change(state => ({
      ...state,
      users: state.users.map(user => (user.id === id ? { ...user, ...change } : user)),
    }));
    const user = known(id);
    await index.write(userValues(user).map(put => ({ put })));
    return user;
  }

  async function replaceKey(userId: string): Promise<string> {
    known(userId);
    const apiKey = newApiKey();
    const hash = hashKey(apiKey);
    if (userId === ADMIN_ID && keepAdminKey) {
      // First: cut off after it, the next start puts the key of the file in force.
      await keepAdminKey(apiKey);
      await edit(userId, { apiKey: hash, applied: { ...known(userId).applied, apiKey: hash } });
    } else await edit(userId, { apiKey: hash });
    return apiKey;
  }

  async function applyKey(apiKey: string): Promise<void> {
    if (isKey(apiKey, known(ADMIN_ID).applied.apiKey)) return;
    const hash = hashKey(apiKey);
    const { applied } = known(ADMIN_ID);
    await edit(ADMIN_ID, { apiKey: hash, applied: { ...applied, apiKey: hash } });
    log.info("the admin's API key from the machine's metadata is in force");
  }

  async function applyPassword(password: string): Promise<void> {
    const last = known(ADMIN_ID).applied.password;
    if (last && (await isPassword(password, last))) return;
    if (isTooShort(password)) {
      log.error(
        "the admin's password from the machine's metadata is too short (7 bytes at least): not applied",
      );
      return;
    }
    const hash = await hashPassword(password);
    const { applied } = known(ADMIN_ID);
    await edit(ADMIN_ID, { password: hash, applied: { ...applied, password: hash } });
    log.info("the admin's password from the machine's metadata is in force");
  }

  return {
    async authenticate(login, secret) {
      const user = login === '' ? undefined : findUser(all(), login);
      if (isKey(secret, user?.apiKey ?? null) && user) {
        return { user: safe(user), by: 'apikey', apiKey: secret, login };
      }
      if ((await isPassword(secret, user?.password ?? null)) && user) {
        return { user: safe(user), by: 'password', apiKey: undefined, login };
      }
      return undefined;
    },
    admin: (): Caller => ({ user: safe(known(ADMIN_ID)), by: 'socket', apiKey: undefined }),
    resetApiKey(userId) {
      const reset = resets.then(() => replaceKey(userId));
      resets = reset.catch(() => undefined);
      return reset;
    },
    async updatePassword(userId, password) {
      known(userId);
      checkPassword(password);
      return safe(await edit(userId, { password: await hashPassword(password) }));
    },
    async applyInitialSecrets({ apiKey, password }) {
      if (apiKey) await applyKey(apiKey);
      if (password) await applyPassword(password);
    },
  };
}

/** By name, then by e-mail, then by id (§1.3). */
export function findUser(users: readonly StoredUser[], login: string): StoredUser | undefined {
  return (
    users.find(user => user.name === login) ??
    users.find(user => user.email === login) ??
    users.find(user => user.id === login)
  );
}

/** @throws DmError usage/PASSWORD_TOO_SHORT in the original's words */
export function checkPassword(password: string): void {
  if (!isTooShort(password)) return;
  const message = 'invalid password: password length should be at least 7 symbols';
  throw new DmError('usage', 'PASSWORD_TOO_SHORT', message);
}

function isTooShort(password: string): boolean {
  return Buffer.byteLength(password) < SHORTEST_PASSWORD;
}

export function safe({ id, name, email, metadata }: StoredUser): SafeUser {
  const EmailHash = createHash('md5').update(email).digest('hex');
  return { Id: id, Name: name, Email: email, EmailHash, Metadata: metadata };
}
