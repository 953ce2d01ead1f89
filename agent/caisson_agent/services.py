"""What starts processes on a host."""
import os
import subprocess

from .files import read_end, shortened, tried
from .values import SERVICE_LIMIT, Refused, checked_label


def step_restart(root, request):
    wanted = request["service"]["kind"] == "command"
    if wanted:
        run_service(root, checked_label(request["release"]), request["service"]["restart"])
    return wanted, None

def service_environment(root, release):
    return dict(os.environ, CAISSON_RELEASE=release, CAISSON_STATE=os.path.realpath(root.at("shared")))

def run_service(root, label, command):
    """The owner's command, in the release's real directory. What it prints goes to service.log: a pipe would keep us waiting for a daemon that it leaves behind."""
    release = os.path.realpath(root.at("versions", label))
    with tried(lambda path: open(path, "ab"), root.at("service.log")) or open(os.devnull, "ab") as output:
        tried(output.truncate, 0)  # a full disk, or one that cannot be written, must not keep a service from being started
        process = subprocess.Popen(["/bin/sh", "-c", command], cwd=release, env=service_environment(root, release), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        status = process.wait(SERVICE_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Refused("process-failed", "`%s` had not ended after %d s" % (command, SERVICE_LIMIT))
    if status != 0:
        raise Refused("process-failed", "`%s` ended with %d%s" % (command, status, shortened(tried(read_end, root.at("service.log"), b""), 5)))
