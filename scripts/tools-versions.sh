# The versions that scripts/tools.sh builds.
version_of() {
  case $1 in
    helm) echo v3.22.0 ;;
    helm-unittest) echo v1.1.2 ;;
    kubeconform) echo v0.8.0 ;;
    *) echo unknown ;;
  esac
}
