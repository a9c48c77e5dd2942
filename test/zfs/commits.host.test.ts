import test from 'ava';
import { commitsSuite } from './suites/commits.ts';

commitsSuite(test);
