import test from 'ava';
import { createLog, type LogFormat } from '../../../src/lib/log.ts';

function linesOf(format: LogFormat, write: (log: ReturnType<typeof createLog>) => void): string[] {
  const lines: string[] = [];
  write(
    createLog({ name: 'p', level: 'info', format, destination: { write: line => void lines.push(line) } }),
  );
  return lines;
}

test('a line of text names the program, marks a warning and shows its details', t => {
  const [line = ''] = linesOf('text', log => log.warn({ pool: 'tank' }, 'nearly full'));
  t.regex(line, /^\d{4}-\d\d-\d\dT\S+ p: warn: nearly full \(pool=tank\)\n$/);
});

test('a line of JSON is JSON', t => {
  const [line = ''] = linesOf('json', log => log.info({ pool: 'tank' }, 'ready'));
  t.like(JSON.parse(line), { pool: 'tank', msg: 'ready' });
});

test('keys and passwords are blanked, at the top and one level down', t => {
  const text = linesOf('text', log =>
    log.info({ apiKey: 'S3CRET', request: { ApiKey: 'S3CRET', Password: 'S3CRET' } }, 'x'),
  );
  t.false(text.join('').includes('S3CRET'));
  t.true(text.join('').includes('[secret]'));
});
