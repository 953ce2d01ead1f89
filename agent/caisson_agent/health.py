"""Whether a release answers well, and whether it is the release that answers."""
import glob
import os
import re
import subprocess
import time

from .files import read_bytes, read_end, read_link, shortened, tried
from .services import service_environment
from .values import PACKAGE, Refused, checked, checked_label


def step_check(root, request):
    """Wait until the release answers well for `minHealthy` seconds, `deadline` seconds at most. Changes nothing and needs no lock."""
    release, health = os.path.realpath(root.at("versions", checked_label(request["release"]))), request["health"]
    subject = health.get("url") or "`%s`" % " ".join(health.get("argv") or [])
    began, well_since, problem = time.monotonic(), None, None
    while True:
        asked = time.monotonic()
        limit = min(10.0, max(1.0, request["deadline"] - (asked - began)))
        problem = probe_url(health["url"], limit) if health.get("url") else probe_program(root, release, request["package"], health["argv"], limit) if health.get("argv") else None
        now = time.monotonic()
        well_since = None if problem else asked if well_since is None else well_since
        if well_since is not None and now - well_since >= request["minHealthy"]:
            return False, listener_facts(health["url"], release) if health.get("url") else None
        if now - began >= request["deadline"]:
            break
        time.sleep(0.1 if now - began < 2 else 0.5)
    if problem in (None, "refused", "did not answer"):
        problem = "%s for %g s" % (problem or "had not answered well", request["deadline"] if problem else request["minHealthy"])
    said = shortened(tried(read_end, root.at("service.log"), b""), 1)
    raise Refused("unhealthy", "%s %s%s" % (subject, problem, said and "; last log" + said))

def probe_url(url, limit):
    """A GET that must answer 2xx or 3xx; proxies of the environment play no part, and redirects are not followed. Returns what is wrong."""
    from http import client
    from urllib.parse import urlsplit
    where = urlsplit(url)
    connection = (client.HTTPSConnection if where.scheme == "https" else client.HTTPConnection)(where.hostname, where.port, timeout=limit)
    try:
        connection.request("GET", (where.path or "/") + ("?" + where.query if where.query else ""), headers={"User-Agent": "caisson", "Connection": "close"})
        status = connection.getresponse().status
        return None if 200 <= status < 400 else "answered %d" % status
    except ConnectionRefusedError:
        return "refused"
    except (OSError, client.HTTPException) as error:
        return "did not answer" if "timed out" in str(error) else "failed: %s" % (str(error) or type(error).__name__)
    finally:
        connection.close()

def probe_program(root, release, package, argv, limit):
    """A command that must end with 0, its first word looked for in the package's own bin/ first. Returns what is wrong."""
    part = os.path.join(release, checked(package, PACKAGE, "package name"))
    own = os.path.join(part, "bin", argv[0])
    try:
        process = subprocess.Popen([own if os.path.isfile(own) else argv[0]] + argv[1:], cwd=part, env=service_environment(root, release), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = shortened(process.communicate(timeout=limit)[0], 3)
    except OSError as error:
        return "cannot be run: %s" % error.strerror
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "did not end within %g s" % limit
    return None if process.returncode == 0 else "ended with %d%s" % (process.returncode, said)

def listener_facts(url, release):
    """`verified`: whether a process that listens at the url runs from this release; None where that cannot be seen."""
    from urllib.parse import urlsplit
    where = urlsplit(url)
    port = "%04X" % (where.port or (443 if where.scheme == "https" else 80))
    rows = b"".join(tried(read_bytes, table, b"") for table in ("/proc/net/tcp", "/proc/net/tcp6")).decode("ascii").splitlines()
    sockets = {"socket:[%s]" % words[9] for words in (row.split() for row in rows) if words[1].endswith(":" + port) and words[3] == "0A"}
    owners = {path.split("/")[2] for path in glob.iglob("/proc/[0-9]*/fd/*") if read_link(path) in sockets}
    inside = re.compile(re.escape(os.fsencode(release)) + br"([/\0\n ]|\Z)")
    seen = [trace for trace in (traces_of(owner) for owner in owners) if trace]
    return {"verified": any(inside.search(trace) for trace in seen)} if seen else None

def traces_of(pid):
    """Every path that a process shows of itself, as bytes to search in; nothing for one that we may not look at."""
    folder = "/proc/%s/" % pid
    links = [os.fsencode(read_link(folder + name) or "") for name in ("exe", "cwd", "root")]
    texts = [tried(read_bytes, folder + name, b"") for name in ("maps", "cmdline")]
    environment = [pair for pair in tried(read_bytes, folder + "environ", b"").split(b"\0") if pair.startswith(b"CAISSON_RELEASE=")]
    return b"\n".join(links + texts + environment)
