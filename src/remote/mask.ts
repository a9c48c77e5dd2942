/** Text of requests and answers as it may be shown: without what opens doors. */

const SECRET_KEY = /api_?key|password|passwd|secret|salt|authorization|^dump$/i;
const BLANK = '[secret]';

/** `text` with the values of telling members, and `secrets` wherever they stand, blanked. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter(secret => secret !== '')
    .reduce((shown, secret) => shown.replaceAll(secret, BLANK), maskMembers(text));
}

function maskMembers(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (key, value) =>
      SECRET_KEY.test(key) && value ? hide(value) : value,
    );
  } catch {
    return text;
  }
}

/** `{"ApiKey": "x"}` is hidden; an object under such a name is kept, its members are looked at one by one. */
function hide(value: unknown): unknown {
  return typeof value === 'object' ? value : BLANK;
}
