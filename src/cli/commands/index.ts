import type { Command } from "../command.ts";
import { configShow } from "./config-show.ts";
import { init } from "./init.ts";
import { stackAdd } from "./stack-add.ts";
import { stackCreate } from "./stack-create.ts";
import { stackDiff } from "./stack-diff.ts";
import { stackFreeze } from "./stack-freeze.ts";
import { stackList } from "./stack-list.ts";
import { stackShow } from "./stack-show.ts";
import { storeGc } from "./store-gc.ts";
import { storeVerify } from "./store-verify.ts";

/** Every command there is, in the order of the help. */
export const commands: readonly Command[] = [init, configShow, stackCreate, stackAdd, stackShow, stackList, stackDiff, stackFreeze, storeVerify, storeGc];
