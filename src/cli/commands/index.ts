import type { Command } from "../command.ts";
import { build } from "./build.ts";
import { configShow } from "./config-show.ts";
import { deploy } from "./deploy.ts";
import { dev } from "./dev.ts";
import { doctor } from "./doctor.ts";
import { history } from "./history.ts";
import { init } from "./init.ts";
import { interpreterAdd } from "./interpreter-add.ts";
import { interpreterList } from "./interpreter-list.ts";
import { lock } from "./lock.ts";
import { logs } from "./logs.ts";
import { prune } from "./prune.ts";
import { rollback } from "./rollback.ts";
import { run } from "./run.ts";
import { stackAdd } from "./stack-add.ts";
import { stackCreate } from "./stack-create.ts";
import { stackDiff } from "./stack-diff.ts";
import { stackFreeze } from "./stack-freeze.ts";
import { stackList } from "./stack-list.ts";
import { stackShow } from "./stack-show.ts";
import { status } from "./status.ts";
import { storeGc } from "./store-gc.ts";
import { storeVerify } from "./store-verify.ts";
import { turretPack } from "./turret-pack.ts";
import { turretStart } from "./turret-start.ts";
import { units } from "./units.ts";
import { up } from "./up.ts";
import { verify } from "./verify.ts";
import { why } from "./why.ts";

/** Every command there is, in the order of the help. */
export const commands: readonly Command[] = [
  init, up, dev, lock, build, why, configShow,
  stackCreate, stackAdd, stackShow, stackList, stackDiff, stackFreeze,
  turretPack, turretStart,
  deploy, rollback, status, logs, history, verify, prune, run, units,
  interpreterAdd, interpreterList,
  doctor, storeVerify, storeGc,
];

/** What the first word of two-word commands stands for. */
export const groups: Readonly<Record<string, string>> = {
  config: "what caisson.toml says",
  stack: "versioned sets of artifacts that travel together",
  turret: "load-test workers of an OCT project",
  interpreter: "Pythons that releases bring along",
  store: "where bytes and names are kept",
};
