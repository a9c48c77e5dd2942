/** `pool_state_t` of OpenZFS (sys/fs/zfs.h), as labels have it: 0 active, 1 exported, 2 destroyed, 3 spare, 4 cache. */
export const ACTIVE = 0;
export const EXPORTED = 1;
