"""Caisson's program on a host: keeps trees, makes releases of links into them, switches from one to another.

`agent.py ROOT --marker HEX` answers requests on its input until that ends; PROTOCOL.md describes them.
`agent.py install BUNDLE DST` puts one unpacked bundle at DST; install.sh calls it.

One file when it travels (scripts/join-agent.mjs joins these modules), standard library, no syntax newer than Python 3.4; CPython 3.6 and newer run it.
No threads: one process talks to the controller, forked workers do what takes long. It knows no rules of wheels: a tree's document says which bytes
lie where; they are written and checked.
"""


class Later:
    """A module that is imported when something of it is wanted: what an agent needs to say that nothing is to be done should not take longer than that."""

    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        return getattr(__import__(self.module), name)
