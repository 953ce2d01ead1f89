#!/bin/sh
# Starts the command of a turret that is not Python, in the folder with its files.
here=$(readlink -f -- "$0") && cd -- "${here%/bin/*}/turret" && exec "$@"
