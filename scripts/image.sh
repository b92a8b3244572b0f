#!/bin/sh
# Builds an image from the Dockerfile with docker, podman or buildah, whichever works.
#
#   scripts/image.sh NAME [folder of the app] [options for the build...]
#
# BUILDER names one of them. Prints the name at the end.
set -eu
cd "$(dirname "$0")/.."

name=${1:?the name of the image, such as localhost/live-counter:latest}
app=${2:-examples/live-counter}
shift
[ $# -gt 0 ] && shift
[ -f "$app/package.json" ] || { echo "$app has no package.json: name the folder of the app, relative to this repository" >&2; exit 1; }
[ -f "$app/package-lock.json" ] || { echo "$app has no package-lock.json: run npm install in it" >&2; exit 1; }

works() {
  case $1 in
    docker | podman) command -v "$1" >/dev/null 2>&1 && "$1" info >/dev/null 2>&1 ;;
    buildah) command -v buildah >/dev/null 2>&1 ;;
    *) return 1 ;;
  esac
}

builder=${BUILDER:-}
if [ -z "$builder" ]; then
  for candidate in docker podman buildah; do
    if works "$candidate"; then builder=$candidate && break; fi
  done
fi
case $builder in
  docker | podman) "$builder" build --build-arg "APP=$app" -t "$name" "$@" . ;;
  buildah) buildah bud --build-arg "APP=$app" -t "$name" "$@" . ;;
  '') echo "Neither docker, podman nor buildah works here: install one, or start Docker." >&2 && exit 1 ;;
  *) echo "BUILDER=$builder: docker, podman or buildah" >&2 && exit 1 ;;
esac
echo "$name"
