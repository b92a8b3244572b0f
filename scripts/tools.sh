#!/bin/sh
# Programs that tests need and that come as Go modules: those that are not on PATH are built, once, into a cache directory.
#
#   scripts/tools.sh NAME...       builds what is missing of these
#   scripts/tools.sh --dir         prints the cache directory
set -eu

dir=${FLOTILLA_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/flotilla/bin}
. "$(dirname "$0")/tools-versions.sh"

build() { # NAME MODULE VERSION PACKAGE [line for go.mod]
  work=$(mktemp -d)
  echo "building $1 $3 (once)"
  printf 'module tools\n\ngo 1.24.0\n%s\n' "${5:-}" >"$work/go.mod"
  if (
    cd "$work"
    GOFLAGS=-mod=mod go get "$4@$3" && CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath -ldflags '-s -w' -o "$dir/$1.$$" "$4"
  ) >"$work/log" 2>&1; then
    mv "$dir/$1.$$" "$dir/$1"
    echo "$3" >"$dir/$1.version"
    rm -rf "$work"
  else
    tail -n 15 "$work/log" >&2
    rm -rf "$work"
    echo "$1 could not be built from $2@$3" >&2
    exit 1
  fi
}

if [ "${1:-}" = --dir ]; then
  echo "$dir"
  exit 0
fi

for name in "$@"; do
  version=$(version_of "$name")
  [ -x "$dir/$name" ] && [ "$(cat "$dir/$name.version" 2>/dev/null)" = "$version" ] && continue
  command -v "$name" >/dev/null 2>&1 && continue
  if ! command -v go >/dev/null 2>&1; then
    echo "$name is missing, and so is Go 1.26 or later, which builds it: put $name $version on PATH, or install Go (https://go.dev/dl)." >&2
    exit 1
  fi
  mkdir -p "$dir"
  case $name in
    helm) build "$name" helm.sh/helm/v3 "$version" helm.sh/helm/v3/cmd/helm ;;
    kubeconform) build "$name" github.com/yannh/kubeconform "$version" github.com/yannh/kubeconform/cmd/kubeconform ;;
    helm-unittest)
      # a replacement that its own go.mod asks for, which does not reach those who build it from outside
      build "$name" github.com/helm-unittest/helm-unittest "$version" github.com/helm-unittest/helm-unittest/cmd/helm-unittest \
        'replace github.com/vmware-labs/yaml-jsonpath v0.3.2 => github.com/helm-unittest/yaml-jsonpath v0.4.0'
      ;;
    *)
      echo "$name: no such tool" >&2
      exit 2
      ;;
  esac
done
