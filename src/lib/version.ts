/** The version of this build: the bundler replaces `__VERSION__` (scripts/build.mjs takes it from package.json). */

declare const __VERSION__: string | undefined;

export const VERSION = typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0-dev';
