# Sourced by scripts that make an image out of a root file system: asks the engine, and gives it the image.
# They set IMAGE and TAG, and define make_rootfs FOLDER WORK, which makes and fills the folder; WORK is
# theirs until the image is made.

engine() {
  "$NODE" "$TEPUI_ROOT/scripts/engine-request.ts" "$@"
}

has_image() {
  engine GET "/images/$IMAGE:$TAG/json" >/dev/null 2>&1
}

# import_image CHANGES: the changes are instructions of a Dockerfile, each as &changes=… in the form of a URL.
import_image() {
  work=$(mktemp -d "$TEPUI_STATE/image.XXXXXX")
  trap 'rm -rf "$work"; unlock' EXIT
  trap 'rm -rf "$work"; unlock; exit 130' INT TERM HUP
  make_rootfs "$work/rootfs" "$work"
  # Owners and times are fixed, so that the same files give the same layer.
  tar --numeric-owner --owner=0 --group=0 --mtime=@0 --sort=name -C "$work/rootfs" -cf "$work/rootfs.tar" .
  engine POST "/images/create?fromSrc=-&repo=$IMAGE&tag=$TAG$1" "$work/rootfs.tar" >"$work/answer" || {
    cat "$work/answer" >&2
    fail "$EXIT_UNAVAILABLE" "The Docker Engine did not take the image $IMAGE:$TAG." "Its words stand above this line."
  }
  rm -rf "$work"
}

# ensure_image LOCK CHANGES: does nothing when the engine has it.
ensure_image() {
  ensure_node
  if has_image; then exit 0; fi
  ensure_state_dir
  lock "$1"
  has_image || import_image "$2"
  unlock
}

PATH_CHANGE='&changes=ENV%20PATH%3D%2Fbin%3A%2Fusr%2Fbin%3A%2Fsbin%3A%2Fusr%2Fsbin'
