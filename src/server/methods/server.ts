/** Methods about the server itself. */

import { VERSION } from '../../lib/version.ts';
import { newNameFault } from '../../model/names.ts';
import type { MethodsOf } from './method.ts';

export const serverMethods: MethodsOf<'Ping' | 'Version' | 'Config' | 'CheckNameIsValid'> = {
  Ping: { needs: 'authenticated', run: () => true },
  Version: {
    needs: 'admin',
    // No update check is made, so all but the first member stay as the original has them before its first check.
    run: () => ({
      installed_version: VERSION,
      current_version: '',
      current_release_date: 0,
      current_download_url: '',
      current_changelog_url: '',
      project_website: '',
      outdated: false,
    }),
  },
  Config: { needs: 'admin', run: () => ({}) },
  /** The fault is the result, not an error. */
  CheckNameIsValid: {
    needs: 'authenticated',
    run: (_call, { Namespace, Name, Branch }) =>
      newNameFault('namespace', Namespace) || newNameFault('dot', Name) || newNameFault('branch', Branch),
  },
};
