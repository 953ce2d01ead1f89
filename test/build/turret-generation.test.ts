import { expect, it } from "vitest";
import { isOldGeneration, wantsOldProgram } from "../../src/build/turret/generation.ts";

const METHOD = "    def run(self):\n        pass\n";

it.each<[string, string, boolean]>([
  ["takes none, as 0.3's new-project writes it", `class Transaction(BaseTransaction):\n    def __init__(self):\n        pass\n\n${METHOD}`, true],
  ["takes none, in an old-style class, after a docstring", `import x\n\n\nclass Transaction:\n    """One\n\n    user"""\n${METHOD}\n    def __init__( self ):\n        pass\n`, true],
  ["takes none, over several lines, with a comment and a comma", "class Transaction(object):\n\n    # begin\n    def __init__(\n        self,  # alone\n    ):\n        pass\n", true],
  ["takes none, with tabs and the line ends of Windows", "class Transaction(object):\r\n\tdef __init__(self):\r\n\t\tpass\r\n", true],
  ["takes both", `class Transaction(BaseTransaction):\n    def __init__(self, config, context=None):\n        pass\n${METHOD}`, false],
  ["takes what comes", "class Transaction(object):\n    def __init__(self, *args, **kwargs):\n        pass\n", false],
  ["says nothing of it, and inherits", `class Transaction(BaseTransaction):\n${METHOD}`, false],
  ["is another class's", `class Helper(object):\n    def __init__(self):\n        pass\n\nclass Transaction(Base):\n${METHOD}\nclass Other(object):\n    def __init__(self):\n        pass\n`, false],
  ["comes from elsewhere", "from common import Transaction\n", false],
  ["is in no text at all", "", false],
])("tells the generation of a script whose __init__ %s", (_, script, old) => {
  expect(isOldGeneration(script)).toBe(old);
});

it("takes no time to speak of for a large script", () => {
  const started = performance.now();
  expect(isOldGeneration(`class Transaction(object):\n${"    # x\n\n".repeat(200_000)}`)).toBe(false);
  expect(isOldGeneration(`class Transaction(object):${" ".repeat(500_000)}`)).toBe(false);
  expect(performance.now() - started).toBeLessThan(5000);
});

it("knows who asks for the old turret program", () => {
  expect([["oct-turrets<0.2.4"], ["six", "OCT_turrets==0.2.2"], ["oct-turrets"], ["oct-turrets>=0.2.2"], ["six<1"], []].map(wantsOldProgram)).toEqual([true, true, false, false, false, false]);
});
