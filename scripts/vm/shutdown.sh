# As LinuxKit's rc.shutdown: a word to all, five seconds, the end. No pool is exported, no dot is unmounted.
killall5 -15
sleep 5
killall5 -9
sync
poweroff -f
