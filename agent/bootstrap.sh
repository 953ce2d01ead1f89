# What the login shell of a host is asked to run: sh -c THIS caisson BOOTSTRAP ROOT MARKER DIGEST FIRST. PROTOCOL.md says what it answers.
# It travels in one line, in single quotes, through whichever shell that is, csh and fish too:
# no single quote, backslash or exclamation mark, every command ends in a semicolon, and a comment has a line of its own.
# The first that runs it well is the one: a name may be a version manager's script with nothing behind it, or a Python without -I.
# 2: no -I; 3: too old; 126, 127: could not be run. The agent itself never ends with these.
# shellcheck shell=sh disable=SC1091,SC2154
for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 python3.6 /usr/local/bin/python3 /usr/libexec/platform-python "$2"/versions/current/*/bin/python "$2"/trees/*/root/bin/python3.*; do
  command -v "$python" >/dev/null 2>&1 || continue;
  "$python" -I -c "import sys;exec(sys.argv[1].replace(chr(94),chr(10)))" "$1" "$2" "$3" "$4" "$5";
  case $? in 2|3|126|127) ;; *) exit;; esac;
done;
test -r /etc/os-release && . /etc/os-release;
echo "$3 unfit $ID $ID_LIKE"
