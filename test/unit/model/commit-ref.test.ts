import test from 'ava';
import fc from 'fast-check';
import type { DmError } from '../../../src/lib/errors.ts';
import {
  formatCommitRef,
  HEAD,
  idWithPrefix,
  indexOfNamed,
  MIN_PREFIX,
  parseCommitRef,
  stepBack,
} from '../../../src/model/commit-ref.ts';

const base = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,40}$/);
const ids = fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{8,36}$/), { minLength: 1, maxLength: 30 });
const commits = ids.map(all => all.map(id => ({ id, tags: [] as string[] })));

for (const [text, back] of [
  ['HEAD', 0],
  ['HEAD^', 1],
  ['HEAD^^', 2],
  ['HEAD~3', 3],
  ['HEAD~', 1],
  ['HEAD~0', 0],
  ['HEAD~2^~', 4],
] as const) {
  test(`${text} is ${back} before the newest`, t => {
    t.deepEqual(parseCommitRef(text), { base: HEAD, back });
  });
}

for (const text of ['', '^', '~3', 'HEAD ^', 'HEAD^2', 'HEAD~x', 'HEAD~-1', 'a b', 'HEAD^x']) {
  test(`${JSON.stringify(text)} names no commit`, t => {
    t.is(t.throws<DmError>(() => parseCommitRef(text))?.code, 'BAD_REF');
  });
}

test('references print and parse to themselves', t => {
  const property = fc.property(base, fc.nat(10_000), (name, back) => {
    t.deepEqual(parseCommitRef(formatCommitRef({ base: name, back })), { base: name, back });
    t.deepEqual(parseCommitRef(`${name}${'^'.repeat(back % 50)}`), { base: name, back: back % 50 });
  });
  fc.assert(property);
});

test('n steps back from the newest is the nth from the end, or too far', t => {
  const property = fc.property(commits, fc.nat(40), (history, back) => {
    const step = () =>
      stepBack<{ id: string; tags: string[] }>(history, history.length - 1, { base: HEAD, back });
    if (back < history.length) t.is(history.indexOf(step()), history.length - 1 - back);
    else t.regex(t.throws<DmError>(step)?.message ?? '', /^Commits don't go back that far/);
  });
  fc.assert(property);
});

test('an id is found by a beginning that no other id has, and by none that several have', t => {
  const property = fc.property(commits, fc.nat(), fc.nat(40), (history, which, length) => {
    const { id } = history[which % history.length] ?? { id: '' };
    const prefix = id.slice(0, length);
    const having = history.filter(each => each.id.startsWith(prefix));
    if (prefix.length < MIN_PREFIX) t.is(idWithPrefix(history, prefix), undefined);
    else if (having.length === 1) t.is(idWithPrefix(history, prefix), id);
    else t.is(t.throws<DmError>(() => idWithPrefix(history, prefix))?.code, 'AMBIGUOUS_REF');
  });
  fc.assert(property);
});

test('a full id wins over a tag of the same letters', t => {
  const history = [
    { id: 'aaaa1111', tags: ['bbbb2222', 'v1'] },
    { id: 'bbbb2222', tags: [] },
  ];
  t.is(indexOfNamed(history, 'bbbb2222'), 1);
  t.is(indexOfNamed(history, 'v1'), 0);
  t.is(indexOfNamed(history, 'v2'), -1);
});
