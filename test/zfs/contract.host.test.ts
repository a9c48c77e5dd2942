import test from 'ava';
import { realZfsContract } from '../contract/real-zfs.ts';

realZfsContract(test);
