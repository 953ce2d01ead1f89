import { expect, it } from "vitest";
import { loadCommands } from "../../src/cli/commands/index.ts";

it("loads the command that is meant, alone, under the name that it has itself", async () => {
  const all = await loadCommands([]);
  expect(all.length).toBeGreaterThan(25);
  for (const command of all) expect(await loadCommands([...command.name.split(" "), "more", "--words"])).toEqual([command]);
  expect(await loadCommands(["stack"])).toEqual(all);
  expect(await loadCommands(["--help"])).toEqual(all);
  expect(await loadCommands(["--version"])).toEqual([]);
});
