# What the login shell of a host is asked to run: sh -c THIS caisson BOOTSTRAP ROOT MARKER DIGEST FIRST. PROTOCOL.md says what it answers.
# It travels in one line, in single quotes, through whichever shell that is, csh and fish too:
# no single quote, backslash or exclamation mark, every command ends in a semicolon, and a comment has a line of its own.
# The first that runs it well is the one: a name may be a version manager's script with nothing behind it, or a Python without -I.
# 2: no -I; 3: too old; 126, 127: could not be run. The agent itself never ends with these.
# What comes after `unfit` is a line for us to do: bring.sh, where the controller has an interpreter for this host.
# shellcheck shell=sh disable=SC1091,SC2154
bootstrap=$1 root=$2 marker=$3 digest=$4 first=$5;
run() {
  command -v "$1" >/dev/null 2>&1 || return 1;
  "$1" -I -c "import sys;exec(sys.argv[1].replace(chr(94),chr(10)))" "$bootstrap" "$root" "$marker" "$digest" "$first";
  case $? in 2|3|126|127) return 1;; esac;
};
for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 python3.6 /usr/local/bin/python3 /usr/libexec/platform-python "$root"/versions/current/*/bin/python "$root"/trees/*/root/bin/python3.*; do
  run "$python" && exit;
done;
test -r /etc/os-release && . /etc/os-release;
arch=$(uname -m 2>/dev/null);
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null);
musl=$(echo /lib/ld-musl-*);
test -n "$libc" || libc=$("$musl" 2>&1 | sed -n "s/^Version /musl /p");
unfit="$marker unfit ${arch:-unknown} $ID $ID_LIKE; $VERSION_ID; $libc";
echo "$unfit";
read -r more && eval "$more"
