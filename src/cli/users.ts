/** Users as dm prints them: nothing that opens doors. */

import type { SafeUser } from '../wire/methods.ts';

export function shownUser({ Id, Name, Email }: SafeUser): { id: string; name: string; email: string } {
  return { id: Id, name: Name, email: Email };
}
