# What LinuxKit's init does, in its order: mounts, the onboot containers one by one, then all services. Its own
# containers (sysctl, dhcpcd, metadata, modprobe) have a stand-in each. Exit codes are told, and nothing follows from them.
export PATH=/usr/sbin:/usr/bin
# A word for the host, with the seconds since the kernel began.
tell() { read -r up _ </proc/uptime; echo "@$1 $up"; }

mount -t proc -o nodev,nosuid,noexec,relatime proc /proc
mount -t sysfs -o nodev,nosuid,noexec,relatime sysfs /sys
tell init
mount -t tmpfs -o nodev,nosuid,noexec,relatime,size=10%,mode=1777 tmpfs /tmp
mount -t tmpfs -o nodev,nosuid,noexec,relatime,size=50%,mode=755 tmpfs /var
mount -t tmpfs -o mode=755 tmpfs /containers
mount -t cgroup2 -o nodev,nosuid,noexec,relatime cgroup /sys/fs/cgroup
mkdir -p /dev/pts /run/lock /run/log/onboot /run/config /run/resolvconf /var/log
# Empty until dhcpcd writes it: /etc/resolv.conf points here, and is bound into containers.
: >/run/resolvconf/resolv.conf
mount -t devpts -o nosuid,noexec,mode=0620 devpts /dev/pts
for name in cache empty lib local lock opt spool tmp; do mkdir "/var/$name"; done
ln -s /run /var/run
mount --make-rshared /
hostname linuxkit
ip link set lo up
modprobe -a virtio_scsi sd_mod sr_mod isofs virtio_net virtio_console overlay
cp -a /run/vm/containers/. /containers/

# The host's line to the machine: "ID SCRIPT" comes, "ID STATUS OUTPUT" goes, both in base64. A port is opened once.
for port in /sys/class/virtio-ports/*; do
  if [ -d "$port" ]; then line=/dev/${port##*/}; fi
done
answer() {
  echo "$2" | base64 -d >"/run/vm/call-$1"
  sh "/run/vm/call-$1" >"/tmp/answer-$1" 2>&1 </dev/null 3>&-
  code=$?
  # One at a time: a long line goes in pieces.
  until mkdir /run/vm/writing 2>/dev/null; do sleep 0.02; done
  printf '%s %s %s\n' "$1" "$code" "$(base64 -w0 "/tmp/answer-$1")" >&3
  rmdir /run/vm/writing
  rm -f "/run/vm/call-$1" "/tmp/answer-$1"
}
listen() {
  exec 3<>"$line"
  # Until the kernel has heard of the host's end of the line, there is an end of file instead of a wait.
  while :; do
    while read -r id script <&3; do answer "$id" "$script" & done
    sleep 0.1
  done
}
(listen) &

# A writable root filesystem that is thrown away: the image below, memory above.
lay() {
  mkdir -p "$1/tmp" "$1/rootfs"
  mount -t tmpfs tmpfs "$1/tmp"
  mkdir "$1/tmp/upper" "$1/tmp/work"
  mount -t overlay -o "lowerdir=/image,upperdir=$1/tmp/upper,workdir=$1/tmp/work" overlay "$1/rootfs"
}

tell onboot
for dir in /containers/onboot/*; do
  [ -d "$dir" ] || continue
  name=${dir##*/}
  out=/run/log/onboot/onboot.$name.out.log
  err=/run/log/onboot/onboot.$name.log
  if [ -f "$dir/only-if" ] && [ ! -e "$(cat "$dir/only-if")" ]; then
    tell "skipped $name"
    continue
  fi
  if [ -f "$dir/stand-in" ]; then
    sh "$dir/stand-in" >"$out" 2>"$err"
    code=$?
  else
    lay "$dir"
    runc run --bundle "$dir" "$name" >"$out" 2>"$err" </dev/null
    code=$?
    umount "$dir/rootfs" "$dir/tmp"
  fi
  cat "$out" "$err"
  tell "done $name $code"
done

for dir in /containers/services/*; do
  [ -d "$dir" ] || continue
  name=${dir##*/}
  lay "$dir"
  out=/var/log/$name.out.log
  # Where the host wants to see at once what a service prints.
  [ ! -f "$dir/to-console" ] || out=/dev/console
  runc run --detach --bundle "$dir" "$name" >"$out" 2>"/var/log/$name.log" </dev/null || {
    # In one line: what others say at the same time comes before it or after it.
    printf '%s does not start: %s\n' "$name" "$(tr '\n' ' ' <"/var/log/$name.log")"
  }
done
tell booted
