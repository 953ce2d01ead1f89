/** Which rules there are for wheels, and from which exceptions can be made. */
export { EXCUSABLE_RULES, isRule, ruleOf } from "./rules.ts";
