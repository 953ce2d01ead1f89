"""What starts processes on a host."""
import os
import stat
import subprocess

from .environments import values_of, without_secrets
from .files import read_end, shortened, tried
from .units import restart_units, return_units
from .values import SERVICE_LIMIT, Refused, checked_label


def step_restart(root, request):
    label, service = checked_label(request["release"]), request["service"]
    if service["kind"] == "command":
        run_service(root, label, service["restart"])
    if service["kind"] == "systemd":
        restart_units(root, label, service["scope"], request.get("deadline", SERVICE_LIMIT))
    return service["kind"] != "none", None

def return_service(root, service, old, new):
    """What ran before a switch that is taken back, again; nothing where nothing did."""
    if service.get("kind") == "systemd":
        return_units(root, old, new, service["scope"])
    command = service.get("stop" if old is None else "restart")
    if command:
        run_service(root, new if old is None else old, command)

def service_environment(root, release, package=None, upcoming=False):
    """What programs of a release find around them: the values of their package, of all packages for None."""
    return dict(os.environ, **dict(values_of(root, package, upcoming), CAISSON_RELEASE=release, CAISSON_STATE=os.path.realpath(root.at("shared"))))

def end_of_log(root, count):
    """The last lines of what the owner's command and what it started have said, without what nobody may see."""
    return without_secrets(root, shortened(tried(read_end, root.at("service.log"), b""), count))

def open_log(path):
    """A file of ours, empty and for nobody else to read. Only such a file: never what stands in for it, which is a device of the whole machine."""
    output = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "ab")
    if stat.S_ISREG(os.fstat(output.fileno()).st_mode):
        tried(lambda number: os.fchmod(number, 0o600), output.fileno())  # it may have been another's before
        tried(output.truncate, 0)
    return output

def run_service(root, label, command):
    """The owner's command, in the release's real directory. What it prints goes to service.log: a pipe would keep us waiting for a daemon that it leaves behind."""
    release = os.path.realpath(root.at("versions", label))
    # A full disk, or one that cannot be written, must not keep a service from being started.
    with tried(open_log, root.at("service.log")) or open(os.devnull, "ab") as output:
        process = subprocess.Popen(["/bin/sh", "-c", command], cwd=release, env=service_environment(root, release), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        status = process.wait(SERVICE_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Refused("process-failed", "`%s` had not ended after %d s" % (command, SERVICE_LIMIT))
    if status != 0:
        raise Refused("process-failed", "`%s` ended with %d%s" % (command, status, end_of_log(root, 5)))
