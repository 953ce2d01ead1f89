"""The two ways to be started."""
import os
import sys

from .install import install
from .roots import Root
from .session import Session


def main(words):
    umask = os.umask(0o022)
    if words[:1] == ["install"]:
        return install(words[1:])
    Session(Root(os.path.normpath(os.path.join("/", words[0])), umask), "--no-bytecode" not in words).run(words[words.index("--marker") + 1])
    return 0

if __name__ == "__main__":
    if sys.version_info < (3, 6):  # novm
        sys.stderr.write("agent: needs Python 3.6 or newer, and this is %d.%d\n" % sys.version_info[:2])
        sys.exit(3)
    sys.exit(main(sys.argv[1:]))
