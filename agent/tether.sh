#!/bin/sh
# Run a program that ends when its starter does: tether.sh PROGRAM [ARGUMENT...]
# Standard input is a pipe that the starter holds and never writes to. Its end, however it came about (also kill -9),
# ends the program's whole process group: by SIGTERM, and by SIGKILL once the program is gone or has had ten seconds.
exec 3<&0 </dev/null
(
	trap '' HUP INT TERM
	(
		read -r _ <&3
		kill -s TERM -- "-$$"
		# One wait is ten seconds on a busy machine too; ten of one second would be as many as it takes to start them.
		sleep 10 &
		while kill -s 0 "$!" && kill -s 0 "$$"; do
			sleep 1
		done
		kill -s KILL -- "-$$"
	) >/dev/null 2>&1 &
)
exec "$@" 3<&-
