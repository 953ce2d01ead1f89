"""Whether a release answers well, and whether it is the release that answers."""
import glob
import os
import re
import socket
import time

from .environments import secrets_of, without_secrets
from .files import read_bytes, read_link, shortened, tried
from .programs import run_program
from .services import end_of_log, service_environment
from .units import Watch
from .users import find_user
from .values import PACKAGE, Refused, checked, checked_label


def step_check(root, request):
    """Wait until the release answers well for `minHealthy` seconds, `deadline` seconds at most. Changes nothing and needs no lock."""
    release, health = os.path.realpath(root.at("versions", checked_label(request["release"]))), request["health"]
    subject = health.get("url") or "`%s`" % " ".join(health["argv"]) if health else "the processes of %s" % request["package"]
    service = request.get("service") or {}
    watch = Watch(root, request["release"], request["package"], service["scope"]) if service.get("kind") == "systemd" else None
    began, well_since, problem = time.monotonic(), None, None
    while True:
        asked = time.monotonic()
        limit = min(10.0, max(1.0, request["deadline"] - (asked - began)))
        ended = watch and watch.problem()
        problem = probe(root, release, request, limit)
        now = time.monotonic()
        well_since = None if problem or ended else asked if well_since is None else well_since
        if well_since is not None and now - well_since >= request["minHealthy"]:
            facts = listener_facts(root, health["url"], release) if health.get("url") else None
            if not (facts and facts.get("old")):
                return False, facts and {"verified": facts["verified"]}
            well_since, problem = None, "is answered by a process of release `%s`, which still runs" % facts["old"]
        if now - began >= request["deadline"]:
            break
        time.sleep(0.1 if now - began < 2 else 0.5)
    if problem in (None, "refused", "did not answer") and not (ended and not problem):
        problem = "%s for %g s" % (problem or "had not answered well", request["deadline"] if problem else request["minHealthy"])
    said = without_secrets(root, watch.last_words()) if watch else "; last log" + end_of_log(root, 1)
    raise Refused("unhealthy", "%s%s" % ("%s %s" % (subject, problem) if problem else ended, said if said != "; last log" else ""))

def probe(root, release, request, limit):
    """What is wrong with a release's answer; None for nothing, also where nothing is asked."""
    url, argv = request["health"].get("url"), request["health"].get("argv")
    if url and url.startswith("tcp:"):
        return probe_tcp(url, limit)
    return probe_url(url, limit) if url else probe_program(root, release, request, limit) if argv else None

def probe_tcp(url, limit):
    """A connection that is taken."""
    from urllib.parse import urlsplit
    where = urlsplit(url)
    try:
        socket.create_connection((where.hostname, where.port), limit).close()
        return None
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return "did not answer" if "timed out" in str(error) else "failed: %s" % (error.strerror or error)

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

def probe_program(root, release, request, limit):
    """A command that must end with 0, its first word looked for in the package's own bin/ first. Returns what is wrong."""
    package, argv = checked(request["package"], PACKAGE, "package name"), request["health"]["argv"]
    part = os.path.join(release, package)
    own = os.path.join(part, "bin", argv[0])
    try:
        status, said = run_program([own if os.path.isfile(own) else argv[0]] + argv[1:], part, service_environment(root, release, package), limit, find_user(request.get("user")), secrets_of(root))
    except OSError as error:
        return "cannot be run: %s" % error.strerror
    return "did not end within %g s" % limit if status is None else None if status == 0 else "ended with %d%s" % (status, shortened(said, 3))

def listener_facts(root, url, release):
    """`verified`: whether a process that listens at the url runs from this release; `old`: the other release of this root that it runs from instead. None where nobody can see."""
    from urllib.parse import urlsplit
    where = urlsplit(url)
    port = "%04X" % (where.port or (443 if where.scheme == "https" else 80))
    rows = b"".join(tried(read_bytes, table, b"") for table in ("/proc/net/tcp", "/proc/net/tcp6")).decode("ascii").splitlines()
    sockets = {"socket:[%s]" % words[9] for words in (row.split() for row in rows) if words[1].endswith(":" + port) and words[3] == "0A"}
    owners = {path.split("/")[2] for path in glob.iglob("/proc/[0-9]*/fd/*") if read_link(path) in sockets}
    seen = [trace for trace in (traces_of(owner) for owner in owners) if trace]
    if not seen:
        return None
    labels = {label for trace in seen for label in labels_in(root, trace)}
    verified = os.path.basename(release) in labels
    return {"verified": verified, "old": None if verified or not labels else min(labels)}

def labels_in(root, trace):
    """The releases of a root that a process shows a path into."""
    tops = {re.escape(os.fsencode(top)) for top in (root.path, os.path.realpath(root.path))}
    found = re.findall(b"(?:" + b"|".join(tops) + br")/versions/([^/\0\n ]+)", trace)
    return {os.fsdecode(label) for label in found} - {"current", "previous"}

def traces_of(pid):
    """Every path that a process shows of itself, as bytes to search in; nothing for one that we may not look at."""
    folder = "/proc/%s/" % pid
    links = [os.fsencode(read_link(folder + name) or "") for name in ("exe", "cwd", "root")]
    texts = [tried(read_bytes, folder + name, b"") for name in ("maps", "cmdline")]
    environment = [pair for pair in tried(read_bytes, folder + "environ", b"").split(b"\0") if pair.startswith(b"CAISSON_RELEASE=")]
    return b"\n".join(links + texts + environment)
