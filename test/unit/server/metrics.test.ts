import test from 'ava';
import { createMetrics, urlLabel } from '../../../src/server/metrics.ts';

test('ids and the file API do not multiply the url label', t => {
  const id = 'b1b2b3b4-0000-4000-8000-00000000abcd';
  t.is(urlLabel(`/filesystems/${id}/START/${id}`), '/filesystems/*/START/*');
  t.is(urlLabel('/s3/admin:shop/snapshot/x/y'), '/s3/*');
  t.is(urlLabel('/rpc'), '/rpc');
  t.is(urlLabel(undefined), '/*');
});

test('a pool that gives no figure does not spoil the scrape', async t => {
  const metrics = createMetrics({
    nodeName: 'n',
    pool: 'p',
    poolUsage: () => Promise.reject(new Error('no pool')),
  });
  metrics.countRequest('/rpc', 'POST', 200, 0.1);
  const text = await metrics.text();
  t.regex(text, /^dm_req_total\{.*\} 1$/m);
  t.notRegex(text, /^dm_zpool_usage_percentage\{/m);
});
