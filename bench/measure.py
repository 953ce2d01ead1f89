"""Run a command to its end and print, as JSON, its wall and CPU seconds and its largest process in MB."""
import json
import os
import resource
import subprocess
import sys
import time

began = time.monotonic()
with open(sys.argv[1], "ab") as log:
    status = subprocess.call(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"status": status, "wall": wall, "cpu": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024, "cores": len(os.sched_getaffinity(0))}))
