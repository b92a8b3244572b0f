#!/bin/sh
# Makes the images that the Dockerfile begins with, and those of Redis and PostgreSQL, where no registry can be reached: Debian by
# debootstrap, and the Node.js of this machine. Kept in buildah's storage, so that the second time costs nothing.
#
#   base-images.sh NODE_VERSION        the Dockerfile's build argument
set -eu

version=${1:?the NODE_VERSION of the Dockerfile}
slim=docker.io/library/node:$version-bookworm-slim
full=docker.io/library/node:$version-bookworm
services=docker.io/e2e/services:1
stamp=docker.io/e2e/base:$(node --version)-1

has() { buildah inspect --type image "$1" >/dev/null 2>&1; }
if has "$stamp" && has "$slim" && has "$full" && has "$services"; then exit 0; fi

work=$(mktemp -d)
containers=
trap 'for c in $containers; do buildah rm "$c" >/dev/null 2>&1; done; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

echo "base image: debootstrap"
debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" http://deb.debian.org/debian >"$work/log" 2>&1 ||
  { tail -n 5 "$work/log" >&2; exit 1; }
rm -rf "$work/root/var/cache/apt/archives" "$work/root/var/lib/apt/lists"
# The certificates of this machine, should it speak to registries through a proxy of its own.
cp /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/ca-certificates.crt"
prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
modules=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")")
mkdir -p "$work/root/usr/local/bin" "$work/root/usr/local/lib/node_modules" "$work/root/usr/local/include"
cp -L "$prefix/bin/node" "$work/root/usr/local/bin/node"
cp -R "$modules/npm" "$work/root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/root/usr/local/bin/npm"
cp -R "$prefix/include/node" "$work/root/usr/local/include/node"

commit() { # NAME, from the container $c
  buildah commit --quiet "$c" "$1" >/dev/null
}
install() { # PACKAGE..., in the container $c
  buildah run --isolation chroot "$c" -- sh -c 'export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" && rm -rf /var/cache/apt/archives /var/lib/apt/lists' sh "$@" >"$work/log" 2>&1 ||
    { tail -n 5 "$work/log" >&2; exit 1; }
}

c=$(buildah from scratch)
containers="$containers $c"
buildah add --quiet "$c" "$work/root" / >/dev/null
# Headers for addons that compile themselves, instead of a download.
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env npm_config_nodedir=/usr/local \
  --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$c"
commit "$slim"

echo "base image: compiler"
c=$(buildah from --pull=never "$slim")
containers="$containers $c"
install g++ make python3
commit "$full"

echo "base image: Redis and PostgreSQL"
c=$(buildah from --pull=never "$slim")
containers="$containers $c"
install redis-server postgresql
buildah run --isolation chroot "$c" -- useradd --uid 70 --no-create-home pg
buildah copy --quiet "$c" "$(dirname "$0")/service-entrypoint.sh" /usr/local/bin/service-entrypoint >/dev/null
buildah config --entrypoint '["/usr/local/bin/service-entrypoint"]' "$c"
commit "$services"
buildah tag "$slim" "$stamp"
