"""Do the agent's own steps of a switch in one process, so that 10,000 switches take seconds: `switch-often.py AGENT ROOT COUNT`.

Forth and taken back, as after a failed check; forth for good, as a deploy; back for good, as a rollback: four switches a round. The journal is read
whole at each step, so it is begun anew now and then.
"""
import os
import sys

program, place, count = sys.argv[1:]
sys.path.insert(0, os.path.dirname(program))
import agent

root = agent.Root(place)
root.begin(root.stored_generation() + 1, "tester@here", "switch often")
switches = 0

def forth(old, new):
    global switches
    changed, _ = agent.step_activate(root, {"release": new, "saw": old, "service": {"kind": "none"}})
    assert changed and root.linked("current") == new
    switches += 1

def keep(label):
    assert agent.step_confirm(root, {"release": label})[0]

while switches < int(count):
    if switches % 20 == 0:
        os.unlink(root.at("journal.jsonl"))
    forth("1", "2")
    assert agent.step_undo(root, {"release": "2"})[0] and root.linked("current") == "1"
    switches += 1
    forth("1", "2")
    keep("2")
    forth("2", "1")
    keep("1")
print(switches)
