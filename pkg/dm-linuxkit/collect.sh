#!/bin/sh
# Usage: collect.sh OUT
# Copies what the image is made of from the system that this runs in into OUT: the programs named here, the
# libraries that they are linked with, a little data. Nothing else of the packages: no npm, no Python, no
# documentation, no package database. The same for Alpine (musl) and Debian (glibc).
set -eu
out=$1

# Started by our programs, or by people who look for a fault in a running container (zdb, blkid, losetup).
programs='node etcd zfs zpool zdb mount.zfs
  mount umount flock setpriv blkid wipefs sfdisk partx addpart losetup blockdev chattr lsattr'
# From busybox, when no program above has the name: sh, env (the first line of our programs), cat, rm, mktemp…
required="$programs sh env cat rm mktemp hostid modprobe dd tee touch sync poweroff"

mkdir -p "$out"
cd "$out"
mkdir -p usr/bin etc dev proc sys run tmp var root
chmod 1777 tmp
ln -s /run var/run
# One folder for all programs: `#!/usr/bin/env node` and /sbin/zfs are right in either distribution.
ln -s usr/bin bin
ln -s usr/bin sbin
ln -s bin usr/sbin

# The target of links too, under its own name: libraries are found by the name of the link.
take() {
  mkdir -p ".$(dirname "$1")"
  cp -L "$1" ".$1"
  # No program of the image is set-user-id: everything runs as root.
  chmod u-s,g-s ".$1"
}

# What the loader would load: lines "NAME => PATH (ADDRESS)" and, for itself, "PATH (ADDRESS)".
libraries() {
  for loader in /lib/ld-musl-*.so.1 /lib64/ld-linux-*.so.2 /lib/ld-linux-*.so.1; do
    [ -e "$loader" ] || continue
    "$loader" --list "$1" 2>/dev/null |
      sed -n -E 's/^.*=> (\/[^ ]+).*$/\1/p; s/^[[:space:]]*(\/[^ ]+) \(0x.*$/\1/p'
    echo "$loader"
    return
  done
}

for program in busybox $programs; do
  path=$(command -v "$program") || continue
  case $(readlink -f "$path") in */busybox) [ "$program" = busybox ] || continue ;; esac
  take "$path"
  for library in $(libraries "$path"); do
    [ -e ".$library" ] || take "$library"
  done
done

for applet in $(busybox --list); do
  [ -e "bin/$applet" ] || ln -s busybox "bin/$applet"
done

# Alpine's Node reads its certificates and its ICU data (English only) from files; the one from npm has both
# inside.
if [ -e /etc/alpine-release ]; then
  for data in /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem /usr/share/icu/*/*.dat; do
    [ ! -e "$data" ] || take "$data"
  done
fi
# People, and scanners, see what the image was made from.
cp -L /etc/os-release etc/os-release
printf 'root:x:0:0:root:/root:/bin/sh\n' >etc/passwd
printf 'root:x:0:\n' >etc/group
printf '127.0.0.1 localhost\n::1 localhost\n' >etc/hosts
printf 'hosts: files dns\n' >etc/nsswitch.conf

for program in $required; do
  [ ! -e "bin/$program" ] || continue
  echo "collect.sh: there is no $program in this base" >&2
  exit 1
done
