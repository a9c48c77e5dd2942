/** Makes a disk's image file at `path`: package.json, build/ and what the tests take of node_modules/. */
export function makeTestsDisk(path: string): void;
