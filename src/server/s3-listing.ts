/** Lists of the file API as the original writes them. Wire reference §7.5. Pure. */

import type { ListedFile } from '../dots/index.ts';
import { toJson } from '../wire/json-text.ts';

export interface ListOptions {
  prefix: string;
  /** 0: all. */
  maxKeys: number;
  page: number;
  recursive: boolean;
  directories: boolean;
  json: boolean;
}

/** Names in exact case; a bad number is as good as none. */
export function readListOptions(query: string): ListOptions {
  const params = new URLSearchParams(query);
  const number = (name: string, missing: number) => {
    const text = params.get(name) ?? '';
    return /^\d{1,9}$/.test(text) ? Number(text) : missing;
  };
  return {
    prefix: params.get('Prefix') ?? '',
    maxKeys: number('MaxKeys', 100),
    page: number('Page', 0),
    recursive: !params.get('NonRecursive'),
    directories: Boolean(params.get('IncludeDirectories')),
    json: params.get('Format') === 'json',
  };
}

/** One page of what is visited; the rest is only counted. */
export class Page {
  readonly files: ListedFile[] = [];
  total = 0;
  readonly #from: number;
  readonly #to: number;

  constructor({ page, maxKeys }: ListOptions) {
    this.#from = page * maxKeys;
    this.#to = maxKeys === 0 ? Number.POSITIVE_INFINITY : this.#from + maxKeys;
  }

  readonly add = (file: ListedFile): void => {
    if (this.total >= this.#from && this.total < this.#to) this.files.push(file);
    this.total++;
  };
}

export function writeJsonList(bucket: string, prefix: string, { files, total }: Page): string {
  const contents = files.map(({ key, mtimeNs, size, isFolder }) => {
    return { key, last_modified: rfc3339(mtimeNs), size, directory: isFolder };
  });
  return toJson({
    name: bucket,
    prefix,
    contents: contents.length > 0 ? contents : null,
    total_results: total,
  });
}

export function writeXmlList(bucket: string, prefix: string, { files, total }: Page): string {
  const rows = files.map(
    ({ key, mtimeNs, size, isFolder }) =>
      `<Contents><Key>${xml(key)}</Key><LastModified>${rfc3339(mtimeNs)}</LastModified><Size>${size}</Size>` +
      `<Directory>${isFolder}</Directory></Contents>`,
  );
  return (
    `<ListBucketResult><Name>${xml(bucket)}</Name><Prefix>${xml(prefix)}</Prefix>${rows.join('')}` +
    `<TotalResults>${total}</TotalResults></ListBucketResult>`
  );
}

/** Go's RFC3339Nano: as many digits of the fraction as there are. */
function rfc3339(ns: bigint): string {
  const second = ns / 1_000_000_000n;
  const fraction = String(ns % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const text = new Date(Number(second) * 1000).toISOString().slice(0, 19);
  return `${text}${fraction && `.${fraction}`}Z`;
}

const XML: Record<string, string> = {
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
};

/** As Go's encoding/xml escapes; what XML can not hold becomes U+FFFD. */
function xml(text: string): string {
  return Array.from(text.toWellFormed(), char => {
    const known = XML[char];
    if (known !== undefined) return known;
    return char < ' ' || char === '\ufffe' || char === '\uffff' ? '\ufffd' : char;
  }).join('');
}
