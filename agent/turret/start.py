"""Starts the turret program of the oct-turrets that this Python has, on a config.json: the first argument, or turret/config.json of this environment.
Ends with 0 only where its HQ ended it.

Its own --config-file does not work in every release, and its --tar leaves an unpacked folder behind.
"""
import os
import sys
import uuid


def main():
    path = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(sys.prefix, "turret", "config.json")
    folder = os.path.dirname(path)
    # What is started reads modules beside its script, as from an archive.
    sys.path.append(folder)
    # Trees are shared and never written to.
    sys.dont_write_bytecode = True
    from oct_turrets.utils import load_file, validate_conf

    config = validate_conf(path)
    module = load_file(os.path.join(folder, config["script"]))
    try:
        from oct_turrets.base import get_turret_class
    except ImportError:
        # Releases that know one class alone, which finds its own identifier.
        from oct_turrets.turret import Turret

        turret = Turret(config, module)
    else:
        turret = get_turret_class(config.get("turret_class"))(config, module, str(uuid.uuid4()))
    try:
        turret.start()
    except SystemExit:
        # The HQ's `kill`, which the program answers by leaving with 1, as it does on any failure.
        return 0
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
