import type { Command } from "../command.ts";
import { build } from "./build.ts";
import { configShow } from "./config-show.ts";
import { deploy } from "./deploy.ts";
import { history } from "./history.ts";
import { init } from "./init.ts";
import { lock } from "./lock.ts";
import { prune } from "./prune.ts";
import { rollback } from "./rollback.ts";
import { stackAdd } from "./stack-add.ts";
import { stackCreate } from "./stack-create.ts";
import { stackDiff } from "./stack-diff.ts";
import { stackFreeze } from "./stack-freeze.ts";
import { stackList } from "./stack-list.ts";
import { stackShow } from "./stack-show.ts";
import { status } from "./status.ts";
import { storeGc } from "./store-gc.ts";
import { storeVerify } from "./store-verify.ts";
import { up } from "./up.ts";

/** Every command there is, in the order of the help. */
export const commands: readonly Command[] = [
  init, up, lock, build, configShow,
  stackCreate, stackAdd, stackShow, stackList, stackDiff, stackFreeze,
  deploy, rollback, status, history, prune,
  storeVerify, storeGc,
];
