#!/bin/sh
# Makes a Debian package of the packed tarball: deb.sh [--package=FILE.tgz] [FOLDER for the .deb]. It needs dpkg-deb and
# nothing of the network. The last line printed is its path.
set -eu

TEPUI_ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$TEPUI_ROOT/scripts/lib.sh"

tarball=
target=$TEPUI_STATE
for argument in "$@"; do
  case $argument in
    --package=?*) tarball=${argument#*=} ;;
    -*) fail "$EXIT_USAGE" "'$argument' is no option of deb.sh." "sh scripts/deb.sh [--package=FILE.tgz] [FOLDER]" ;;
    *) target=$argument ;;
  esac
done
command -v dpkg-deb >/dev/null 2>&1 || fail "$EXIT_UNAVAILABLE" "There is no dpkg-deb here." "apt-get install dpkg"
mkdir -p "$target"
target=$(cd "$target" && pwd -P)
[ -n "$tarball" ] || tarball=$(sh "$TEPUI_ROOT/scripts/package.sh" "$target" | tail -n 1)
[ -f "$tarball" ] || fail "$EXIT_USAGE" "There is no package '$tarball'." "npm run package"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
home=usr/lib/node_modules/tepui
mkdir -p "$stage/$home" "$stage/usr/bin" "$stage/lib/systemd/system" "$stage/etc/tepui" "$stage/DEBIAN" \
  "$stage/usr/share/doc/tepui"
tar -xzf "$tarball" -C "$stage/$home" --strip-components=1 --no-same-owner
[ -x "$stage/$home/bin/tepui" ] && [ -d "$stage/$home/node_modules" ] ||
  fail 1 "$tarball is not the package with dependencies." "Make it with: npm run package"
ln -s "../lib/node_modules/tepui/bin/tepui" "$stage/usr/bin/tepui"
cp "$stage/$home"/packaging/systemd/* "$stage/lib/systemd/system/"
cp "$stage/$home/LICENSE" "$stage/usr/share/doc/tepui/copyright"
cp "$TEPUI_ROOT/packaging/deb/master.env" "$TEPUI_ROOT/packaging/deb/agent.env" "$stage/etc/tepui/"
printf '/etc/tepui/agent.env\n/etc/tepui/master.env\n' >"$stage/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "$TEPUI_ROOT/packaging/deb/$script" "$stage/DEBIAN/$script"; done

version=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$stage/$home/package.json")
# A dash of npm's (1.0.0-rc.1) comes before the version itself, which Debian writes with a tilde.
debian_version=$(printf '%s' "$version" | tr - '~')
size=$(du -sk --apparent-size "$stage" | cut -f 1)
sed -e "s/@VERSION@/$debian_version/" -e "s/@SIZE@/$size/" "$TEPUI_ROOT/packaging/deb/control" >"$stage/DEBIAN/control"
chmod -R u+rwX,go+rX,go-w "$stage"
file=$target/tepui_${debian_version}_all.deb
dpkg-deb --root-owner-group -Zxz --build "$stage" "$file" >&2
printf '%s\n' "$file"
