"""What decides which wheels a machine takes."""
import os

from .interpreters import ask_program, describe_interpreter, libc_facts, os_facts
from .values import Refused, checked, minor_of


def step_platform(_, request):
    """The machine, and an interpreter on it: our own, or where a minor is named the `pythonX.Y` on PATH."""
    minor = request.get("python") or minor_of(describe_interpreter()["version"])
    own = minor == minor_of(describe_interpreter()["version"])
    found = describe_choice() if own else ask_program(["python" + checked(minor, r"3\.\d+\Z", "version of Python")], "describe_choice")
    if found is None:
        raise Refused("interpreter-unfit", "there is no python%s here" % minor)
    return False, dict(found, os=os_facts(), arch=os.uname().machine, libc=libc_facts())

def describe_choice():
    """What wheels are chosen by, as the running interpreter says it of itself: its ABI, the markers of PEP 508, and the minors of glibc that a `_manylinux` module refuses (PEP 600)."""
    import _imp
    import os
    import platform
    import sys
    try:
        import _manylinux
    except ImportError:
        _manylinux = None
    older = {5: "manylinux1_compatible", 12: "manylinux2010_compatible", 17: "manylinux2014_compatible"}
    def allows(minor):
        if hasattr(_manylinux, "manylinux_compatible"):
            return _manylinux.manylinux_compatible(2, minor, os.uname().machine) in (None, True)
        return bool(getattr(_manylinux, older.get(minor, ""), True))
    try:
        glibc = int((os.confstr("CS_GNU_LIBC_VERSION") or "0.0").split()[-1].split(".")[1])
    except (ValueError, IndexError):
        glibc = 0  # another libc does not know the name
    implementation = sys.implementation.version
    version = "%d.%d.%d" % implementation[:3] + ("" if implementation[3] == "final" else implementation[3][0] + str(implementation[4]))
    suffix = _imp.extension_suffixes()[0].split(".")
    return {
        "path": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
        "soabi": suffix[1] if len(suffix) == 3 else None,
        "wide": sys.maxsize > 1 << 32,
        "refused": [minor for minor in range(5, glibc + 1) if _manylinux is not None and not allows(minor)],
        "markers": {
            "implementation_name": sys.implementation.name, "implementation_version": version, "os_name": os.name,
            "platform_machine": platform.machine(), "platform_python_implementation": platform.python_implementation(),
            "platform_release": platform.release(), "platform_system": platform.system(), "platform_version": platform.version(),
            "python_full_version": platform.python_version(), "python_version": ".".join(platform.python_version_tuple()[:2]), "sys_platform": sys.platform,
        },
    }
