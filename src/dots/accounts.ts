/** Users as the admin keeps them: §2.3. Order of every change: state.json, then the index. */

import { randomUUID } from 'node:crypto';
import { DmError } from '../lib/errors.ts';
import { newNameFault } from '../model/names.ts';
import type { SafeUser } from '../wire/methods.ts';
import type { Accounts } from './index.ts';
import type { IndexWriter } from './index-writer.ts';
import { userValues } from './keyspace.ts';
import { hashPassword } from './secrets.ts';
import type { State, StoredUser } from './state.ts';
import type { StateStore } from './state-file.ts';
import { checkPassword, findUser, safe } from './users.ts';

/** A login is looked up as a name first: a name of this form would hide somebody's id. */
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** With an @, which no name and no id has. */
const EMAIL = /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u;
const LONGEST_EMAIL = 254;
const MOST_FIELDS = 100;
const LONGEST_FIELD = 128;
/** In bytes. */
const LONGEST_VALUE = 65_536;

export function createAccounts({ store, index }: { store: StateStore; index: IndexWriter }): Accounts {
  const publish = (user: StoredUser) => index.write(userValues(user).map(put => ({ put })));

  /** Changes one user; what `change` throws leaves all as it was. */
  async function edit(id: string, change: (user: StoredUser, state: State) => StoredUser): Promise<SafeUser> {
    let changed: StoredUser | undefined;
    await store.change(state => {
      const user = state.users.find(one => one.id === id);
      if (!user) throw missing('id', id);
      const next = change(user, state);
      changed = next;
      return { ...state, users: state.users.map(one => (one === user ? next : one)) };
    });
    if (!changed) throw missing('id', id);
    await publish(changed);
    return safe(changed);
  }

  return {
    async register({ Name, Email, Password }) {
      if (Password === '') throw usage('PASSWORD_EMPTY', 'Password cannot be empty.');
      if (Email === '') throw usage('EMAIL_EMPTY', 'Email address cannot be empty.');
      if (Name === '') throw usage('NAME_EMPTY', 'Name cannot be empty.');
      checkUserName(Name);
      checkEmail(Email);
      const refuse = (cause: string, code: string) =>
        new DmError('usage', code, `[RegistrationServer] Error creating user ${Name}: ${cause}`);
      try {
        checkPassword(Password);
      } catch (error) {
        throw refuse((error as Error).message, 'PASSWORD_TOO_SHORT');
      }
      const user: StoredUser = {
        id: randomUUID(),
        name: Name,
        email: Email,
        metadata: null,
        // Until a key is made with ResetApiKey, the password alone lets the user in.
        apiKey: null,
        password: await hashPassword(Password),
        applied: { apiKey: null, password: null },
      };
      await store.change(state => {
        if (state.users.some(one => one.name === Name)) throw refuse(taken('Username'), 'NAME_TAKEN');
        if (state.users.some(one => one.email === Email)) throw refuse(taken('Email'), 'EMAIL_TAKEN');
        return { ...state, users: [...state.users, user] };
      });
      await publish(user);
      return safe(user);
    },

    async setPassword(id, password) {
      if (!store.state.users.some(user => user.id === id)) throw missing('id', id);
      checkPassword(password);
      const hash = await hashPassword(password);
      return edit(id, user => ({ ...user, password: hash }));
    },

    async setEmail(id, email) {
      if (email === '') throw usage('EMAIL_EMPTY', 'Email address cannot be empty.');
      checkEmail(email);
      return edit(id, (user, { users }) => {
        const isTaken = users.some(one => one.id !== id && one.email === email);
        if (isTaken) throw usage('EMAIL_TAKEN', taken('Email'));
        return { ...user, email };
      });
    },

    setMetadata: async (id, field, value) =>
      edit(id, user => {
        const metadata = { ...user.metadata, [field]: value };
        checkMetadata(field, value, Object.keys(metadata).length);
        return { ...user, metadata };
      }),

    deleteMetadata: async (id, field) =>
      edit(id, user => {
        const { [field]: _, ...metadata } = user.metadata ?? {};
        return { ...user, metadata };
      }),

    byName: name => safe(get(store.state, 'name', name, user => user.name === name)),
    byEmail: email => safe(get(store.state, 'email', email, user => email !== '' && user.email === email)),
    byCustomerId: customer => {
      const isIt = ({ metadata }: StoredUser) =>
        customer !== '' &&
        metadata !== null &&
        Object.hasOwn(metadata, 'CustomerId') &&
        metadata.CustomerId === customer;
      return safe(get(store.state, 'CustomerId', customer, isIt));
    },
    list: () => [...store.state.users].sort((a, b) => (a.name < b.name ? -1 : 1)).map(safe),
  };
}

/** By name, e-mail or id. @throws DmError denied/USER_MISSING, with the original's words for a name */
export function getUser(state: State, login: string): StoredUser {
  const user = login === '' ? undefined : findUser(state.users, login);
  if (!user) throw missing('name', login);
  return user;
}

function get(state: State, kind: string, value: string, isIt: (user: StoredUser) => boolean): StoredUser {
  const user = state.users.find(isIt);
  if (!user) throw missing(kind, value);
  return user;
}

function missing(kind: string, value: string): DmError {
  return new DmError('denied', 'USER_MISSING', `User ${kind}=${value} not found`);
}

/** A user's name is the namespace of its dots. @throws DmError usage/INVALID_USER_NAME */
function checkUserName(name: string): void {
  if (!ID.test(name) && newNameFault('namespace', name) === '') return;
  throw new DmError('usage', 'INVALID_USER_NAME', 'Invalid username.', {
    hint: 'Take 1 to 64 letters, digits, "_" and "-", without a "-" at the beginning, and not the form of an id.',
  });
}

function checkEmail(email: string): void {
  if (EMAIL.test(email) && Buffer.byteLength(email) <= LONGEST_EMAIL) return;
  throw usage('INVALID_EMAIL', 'Invalid email address.');
}

function checkMetadata(field: string, value: string, fields: number): void {
  if (field === '') throw usage('INVALID_METADATA', 'The name of a metadata field cannot be empty.');
  if (
    field.length > LONGEST_FIELD ||
    Buffer.byteLength(value) > LONGEST_VALUE ||
    fields > MOST_FIELDS ||
    field.includes('\0')
  ) {
    const most = `at most ${MOST_FIELDS} fields, names of ${LONGEST_FIELD} characters, values of 64 KiB`;
    throw usage('INVALID_METADATA', `A user's metadata is bounded: ${most}.`);
  }
}

const taken = (what: string) => `${what} already exists - contact help@dotmesh.io`;
const usage = (code: string, message: string) => new DmError('usage', code, message);
