import type { Command } from "../command.ts";

/** Every command there is, in the order of the help, by its name; loaded when somebody means it, since all of them take longer to load than most take to run. */
const loaders: readonly (readonly [name: string, load: () => Promise<Command>])[] = [
  ["init", async () => (await import("./init.ts")).init],
  ["up", async () => (await import("./up.ts")).up],
  ["dev", async () => (await import("./dev.ts")).dev],
  ["lock", async () => (await import("./lock.ts")).lock],
  ["build", async () => (await import("./build.ts")).build],
  ["why", async () => (await import("./why.ts")).why],
  ["config show", async () => (await import("./config-show.ts")).configShow],
  ["stack create", async () => (await import("./stack-create.ts")).stackCreate],
  ["stack add", async () => (await import("./stack-add.ts")).stackAdd],
  ["stack show", async () => (await import("./stack-show.ts")).stackShow],
  ["stack list", async () => (await import("./stack-list.ts")).stackList],
  ["stack diff", async () => (await import("./stack-diff.ts")).stackDiff],
  ["stack freeze", async () => (await import("./stack-freeze.ts")).stackFreeze],
  ["stack remove", async () => (await import("./stack-remove.ts")).stackRemove],
  ["turret pack", async () => (await import("./turret-pack.ts")).turretPack],
  ["turret start", async () => (await import("./turret-start.ts")).turretStart],
  ["deploy", async () => (await import("./deploy.ts")).deploy],
  ["rollback", async () => (await import("./rollback.ts")).rollback],
  ["status", async () => (await import("./status.ts")).status],
  ["logs", async () => (await import("./logs.ts")).logs],
  ["history", async () => (await import("./history.ts")).history],
  ["verify", async () => (await import("./verify.ts")).verify],
  ["prune", async () => (await import("./prune.ts")).prune],
  ["run", async () => (await import("./run.ts")).run],
  ["units", async () => (await import("./units.ts")).units],
  ["interpreter add", async () => (await import("./interpreter-add.ts")).interpreterAdd],
  ["interpreter list", async () => (await import("./interpreter-list.ts")).interpreterList],
  ["platform list", async () => (await import("./platform-list.ts")).platformList],
  ["platform probe", async () => (await import("./platform-probe.ts")).platformProbe],
  ["doctor", async () => (await import("./doctor.ts")).doctor],
  ["store verify", async () => (await import("./store-verify.ts")).storeVerify],
  ["store list", async () => (await import("./store-list.ts")).storeList],
  ["store clean", async () => (await import("./store-clean.ts")).storeClean],
];

/** The command that words begin with, alone; all of them where they begin with none, and help or a suggestion is due. None is asked for by `--version`. */
export async function loadCommands(words: readonly string[]): Promise<readonly Command[]> {
  if (words[0] === "--version") return [];
  const meant = loaders.filter(([name]) => name === words.slice(0, name.split(" ").length).join(" "));
  return await Promise.all((meant.length > 0 ? meant : loaders).map(([, load]) => load()));
}

/** What the first word of two-word commands stands for. */
export const groups: Readonly<Record<string, string>> = {
  config: "what caisson.toml says",
  stack: "versioned sets of artifacts that travel together",
  turret: "load-test workers of an OCT project",
  interpreter: "Pythons that releases bring along",
  platform: "where releases run",
  store: "where bytes and names are kept",
};
