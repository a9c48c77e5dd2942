#!/bin/sh
# Installs nothing: the base that scripts/image/debian-base.mjs makes (mmdebstrap, and Node from npm, since
# Debian 12 has 18) holds the packages already. A build on the test machines has no network.
set -eu
for program in node etcd zfs; do
  command -v "$program" >/dev/null || {
    echo "DISTRO=debian needs the base of \`make image DISTRO=debian\`: there is no $program in this one." >&2
    exit 1
  }
done
