import { recallAction, rememberAction } from "../action.ts";
import type { Maker } from "./maker.ts";
import type { Job } from "./wheel.ts";

/** What makes the wheel of a job, as far as that is known: with what its back end asked for when it ran. */
export async function makerOf(job: Job, interpreter: string, compiled: boolean): Promise<Maker> {
  const requires = [...job.system.requires, ...(await recallAsked(job, interpreter))];
  return { interpreter, compiled, ...(requires.length === 0 ? {} : { requires }) };
}

/** What a back end asks for when it runs depends on what it is made of by then. */
export function askedOf({ system: { requires } }: Job, interpreter: string): Maker {
  return { interpreter, compiled: false, ...(requires.length === 0 ? {} : { requires }) };
}

/** What the back end asked for when it ran with that Python, besides what its project says; nothing where it never ran. */
export async function recallAsked(job: Job, interpreter: string): Promise<readonly string[]> {
  const known = (await recallAction(job.store, await job.action(askedOf(job, interpreter)))) as { readonly asked?: readonly string[] } | undefined;
  return known?.asked ?? [];
}

export async function rememberAsked(job: Job, interpreter: string, asked: readonly string[]): Promise<void> {
  await rememberAction(job.store, await job.action(askedOf(job, interpreter)), { asked });
}
