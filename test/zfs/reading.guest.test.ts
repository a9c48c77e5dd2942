import test from 'ava';
import { readingSuite } from './suites/reading.ts';

readingSuite(test, { inGuest: true });
