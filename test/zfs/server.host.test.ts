import test from 'ava';
import { serverSuite } from './suites/server.ts';

serverSuite(test, { inGuest: false });
