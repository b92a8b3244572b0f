#!/bin/bash
# Builds the programs of the throwaway cluster from their Go modules, those that the cache does not have yet. Cold that takes about 25
# minutes on two cores, warm nothing.
#
#   build.sh           into $CLUSTER_BIN, by default ~/.cache/flotilla/cluster
#   build.sh --dir     prints that directory
set -euo pipefail

bin=${CLUSTER_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/flotilla/cluster}
kube_version=1.34.4
kube_programs="kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"

if [ "${1:-}" = --dir ]; then echo "$bin"; exit 0; fi
command -v go >/dev/null || { echo "The cluster's programs are built with Go 1.25 or later: https://go.dev/dl" >&2; exit 1; }
mkdir -p "$bin"

# A program is there when the file is: it is written beside it first and then renamed.
install_program() { mv "$bin/$1.new" "$bin/$1"; }

go_program() { # NAME MODULE VERSION PACKAGE [lines for go.mod on standard input]
  local name=$1 version=$3 package=$4
  [ -x "$bin/$name" ] && return
  local dir
  dir=$(mktemp -d)
  { echo "module build"; echo "go 1.25.0"; cat; } >"$dir/go.mod"
  echo "building $name $version (once)"
  if ! (cd "$dir" && go get -tool "$package@$version" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$bin/$name.new" "$package") >"$dir/log" 2>&1; then
    tail -n 15 "$dir/log" >&2
    exit 1
  fi
  install_program "$name"
  rm -rf "$dir"
}

go_program etcd go.etcd.io/etcd/server/v3 v3.6.16 go.etcd.io/etcd/server/v3 </dev/null
go_program coredns github.com/coredns/coredns v1.14.7 github.com/coredns/coredns </dev/null
go_program kube-router github.com/cloudnativelabs/kube-router/v2 v2.1.0 github.com/cloudnativelabs/kube-router/v2/cmd/kube-router </dev/null
# Its own go.mod replaces these, which does not reach those who build it from outside.
go_program traefik github.com/traefik/traefik/v3 v3.6.12 github.com/traefik/traefik/v3/cmd/traefik <<'MOD'
replace (
	github.com/abbot/go-http-auth => github.com/containous/go-http-auth v0.4.1-0.20200324110947-a37a7636d23e
	github.com/gorilla/mux => github.com/containous/mux v0.0.0-20250523120546-41b6ec3aed59
	github.com/mailgun/minheap => github.com/containous/minheap v0.0.0-20190809180810-6e71eb837595
)
exclude github.com/tencentcloud/tencentcloud-sdk-go v3.0.83+incompatible
MOD

missing=
for program in $kube_programs; do [ -x "$bin/$program" ] || missing="$missing $program"; done
[ -n "$missing" ] || exit 0

# The module of Kubernetes names its parts without versions: they are those of its own release.
dir=$(mktemp -d)
cd "$dir"
printf 'module build\ngo 1.24.0\n' >go.mod
{
  echo '//go:build tools'
  echo 'package tools'
  for program in $kube_programs; do echo "import _ \"k8s.io/kubernetes/cmd/$program\""; done
} >tools.go
for module in api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap code-generator \
  component-base component-helpers controller-manager cri-api cri-client csi-translation-lib dynamic-resource-allocation \
  endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics \
  mount-utils pod-security-admission sample-apiserver sample-cli-plugin sample-controller; do
  go mod edit "-replace=k8s.io/$module=k8s.io/$module@v0.${kube_version#1.}"
done
go mod edit "-require=k8s.io/kubernetes@v$kube_version"
echo "resolving Kubernetes $kube_version (once)"
go mod tidy >log 2>&1 || { tail -n 15 log >&2; exit 1; }
v=k8s.io/component-base/version
minor=${kube_version#1.}
for program in $missing; do
  echo "building $program $kube_version (once)"
  CGO_ENABLED=0 go build -trimpath -o "$bin/$program.new" \
    -ldflags "-s -w -X $v.gitVersion=v$kube_version -X $v.gitMajor=1 -X $v.gitMinor=${minor%%.*}" "k8s.io/kubernetes/cmd/$program"
  install_program "$program"
done
cd /
rm -rf "$dir"
