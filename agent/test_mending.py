"""What is damaged and made as new. Runs on CPython 3.6 and newer: python3 -m unittest discover -s agent"""
import os
from unittest import mock

from controller import Talking, agent, document


class Mending(Talking):
    def tree(self, *files):
        """A tree's id, its document and that one's bytes; each file holds its own name."""
        entries = []
        for path in sorted(files):
            _, data = document(path)
            text = data.decode("utf-8")
            entries.append({"kind": "file", "path": path, "mode": 0o644, "digest": document(path)[0]["digest"], "size": len(data), "source": {"from": "inline", "text": text}})
        identity = document([{key: entry[key] for key in entry if key != "source"} for entry in entries])[0]["digest"]
        described, data = document({"schema": "caisson.tree/1", "id": identity, "entries": entries})
        return identity, described, data

    def make(self, controller, generation, tree, bytecode=False, **more):
        identity, described, data = tree
        self.change(controller, generation, {"step": "receive", "blob": described, "size": len(data)}, data)
        return self.change(controller, generation, dict({"step": "tree", "id": identity, "document": described, "bytecode": bytecode}, **more))

    def damage(self, tree):
        top = self.path("trees", tree[0][len("sha256:"):])
        os.chmod(os.path.join(top, "root"), 0o755)
        os.chmod(os.path.join(top, "root", "a"), 0o644)
        for name, text in (("a", "changed"), ("more", "added")):
            with open(os.path.join(top, "root", name), "w") as file:
                file.write(text)
        return top

    def texts(self, *places):
        found = []
        for place in places:
            with open(place) as file:
                found.append(file.read())
        return found

    def test_a_tree_is_made_again_where_it_is_damaged_and_what_was_written_is_kept(self):
        tree = self.tree("root/a", "root/b")
        controller = self.start()
        self.assertTrue(self.make(controller, 1, tree)["changed"])
        self.assertFalse(self.make(controller, 1, tree, again=True)["changed"])
        top = self.damage(tree)
        self.assertTrue(self.make(controller, 1, tree, again=True)["changed"])
        self.assertEqual(sorted(os.listdir(os.path.join(top, "root"))), ["a", "b"])
        self.assertEqual(agent.verify_tree(agent.Root(self.root), os.path.basename(top)), ([], 2))
        lost = self.path("lost", "1", "trees", os.path.basename(top), "root")
        self.assertEqual(self.texts(os.path.join(lost, "a"), os.path.join(lost, "more")), ["changed", "added"])
        self.assertEqual(sorted(name[64:] for name in os.listdir(self.path("trees"))), ["", ".json", ".made"])

    def test_bytecode_is_made_again_and_noted(self):
        tree = self.tree("root/a", "site/m.py")
        controller = self.start()
        self.make(controller, 1, tree, True)
        top = self.damage(tree)
        [compiled] = os.listdir(os.path.join(top, "site", "__pycache__"))
        before = self.texts(top + ".bytecode")
        for like in ([], [tree[0]]):
            os.chmod(os.path.join(top, "site", "__pycache__"), 0o755)
            os.unlink(os.path.join(top, "site", "__pycache__", compiled))
            self.assertIn(("/site/__pycache__/" + compiled, "missing"), agent.verify_tree(agent.Root(self.root), os.path.basename(top))[0])
            self.assertTrue(self.make(controller, 1, tree, True, again=True, like=like)["changed"])
            self.assertEqual(agent.verify_tree(agent.Root(self.root), os.path.basename(top)), ([], 2))
            self.assertEqual(self.texts(top + ".bytecode"), before)

    def test_without_the_exchange_of_names_two_renames_do(self):
        os.makedirs(self.path("trees"))
        root = agent.Root(self.root)
        root.begin(1, "tester@here")
        self.addCleanup(root.release_lock)
        for name, text in (("old", "old"), (".new-old", "new")):
            os.mkdir(self.path("trees", name))
            with open(self.path("trees", name, "a"), "w") as file:
                file.write(text)
        with mock.patch.object(agent, "exchange", lambda one, other: False):
            agent.replace_tree(root, self.path("trees", ".new-old"), self.path("trees", "old"))
        self.assertEqual((self.texts(self.path("trees", "old", "a")), os.listdir(self.path("trees"))), (["new"], ["old"]))
