"""Runs the back end of a project: asks what it needs besides what is here, and unless that is more, lets it make the wheel. One argument of JSON; the answer goes into a file.

Source: peps.python.org/pep-0517
"""
import importlib
import json
import os
import re
import shutil
import sys
import tarfile


def main():
    request = json.loads(sys.argv[1])
    # Neither the place nor the words of this program are the back end's business.
    del sys.path[0], sys.argv[1:]
    directory = request["directory"] if request["archive"] is None else unpack(request["archive"], request["directory"])
    os.chdir(directory)
    sys.path[:0] = [os.path.normpath(os.path.join(directory, place)) for place in request["places"]]
    back_end = find(request["backEnd"])
    lacks = [each for each in ask(back_end) if not is_here(each, request["here"])] if request["ask"] else []
    answer = {"lacks": lacks} if lacks else {"wheel": build(back_end, request["out"])}
    with open(request["answer"], "w") as file:
        json.dump(answer, file)


def unpack(archive, directory):
    """Unpack an sdist; its only directory, where it has one. Owners and modes are as in a checkout."""
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive) as file:
            members = file.getmembers()
            for member in members:
                member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o111 else 0o644
            file.extractall(directory, members, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))
    else:
        shutil.unpack_archive(archive, directory, "zip")
    names = os.listdir(directory)
    only = os.path.join(directory, names[0]) if len(names) == 1 else directory
    return only if os.path.isdir(only) else directory


def find(name):
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split(".") if path else []:
        found = getattr(found, part)
    return found


def ask(back_end):
    """What the back end asks for; in a process of its own, since a back end may run one hook only, and without starting Python again."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        hook = getattr(back_end, "get_requires_for_build_wheel", None)
        asked = [] if hook is None else list(hook(None))
        with os.fdopen(writing, "w") as pipe:
            json.dump(asked, pipe)
        sys.exit()
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        sys.exit("the back end was killed by signal %d" % os.WTERMSIG(status))
    if status != 0:
        sys.exit(os.WEXITSTATUS(status))
    if not text:
        sys.exit("the back end left before it said what it needs")
    return json.loads(text)


def build(back_end, out):
    """The name of the wheel, as far as the back end gives one that is there."""
    name = back_end.build_wheel(out, None, None)
    if not isinstance(name, str) or not os.path.isfile(os.path.join(out, name)):
        sys.exit("the back end says that it made the wheel %r, and there is none" % (name,))
    return name


def is_here(requirement, here):
    return requirement in here or re.sub("[-_.]+", "-", requirement.strip()).lower() in here


main()
