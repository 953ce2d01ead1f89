# For a host without a Python: bootstrap.sh does this, when it is sent in one line behind `size=N program=PATH;`. An archive of `size` bytes follows it,
# with an interpreter that runs the agent for this one conversation and leaves nothing behind.
# shellcheck shell=sh disable=SC2154
umask 022;
for old in "$root"/.python.*; do test -d "/proc/${old##*.}" || rm -rf "$old"; done;
place=$root/.python.$$;
mkdir -p "$place" && head -c "$size" | { tar -xf - -C "$place"; cat >/dev/null; };
run "$place/$program";
ran=$?;
rm -rf "$place";
rmdir "$root" 2>/dev/null;
test $ran = 0 || echo "$unfit"
