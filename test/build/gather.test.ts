import { describe, expect, it } from "vitest";
import { gather } from "../../src/build/gather.ts";
import { createQueue, once } from "../../src/build/queue.ts";
import { CaissonError, fail } from "../../src/model/index.ts";

const after = async <Value>(work: () => Value): Promise<Value> => {
  await new Promise((resolve) => setTimeout(resolve, 2));
  return work();
};

describe("gather", () => {
  it("gives all results in their order", async () => {
    expect(await gather([after(() => 1), Promise.resolve("two")])).toEqual([1, "two"]);
  });

  it("reports what is wrong in all of them, each problem once", async () => {
    const broken = (message: string) => after(() => fail({ code: "build-failed", message }));
    const error = await gather([broken("a"), broken("b"), broken("a"), after(() => 1)]).catch((thrown: unknown) => thrown);
    expect((error as CaissonError).problems.map(({ message }) => message)).toEqual(["a", "b"]);
  });

  it("lets a bug through as it is, whatever else went wrong", async () => {
    const bug = new TypeError("x is not a function");
    await expect(gather([after(() => fail({ code: "build-failed", message: "a" })), Promise.reject(bug)])).rejects.toBe(bug);
  });
});

describe("createQueue", () => {
  it("runs at most so many at a time, and goes on after a failure", async () => {
    const enqueue = createQueue(2);
    let running = 0;
    let most = 0;
    const work = (n: number) => enqueue(async () => {
      most = Math.max(most, ++running);
      await after(() => undefined);
      running -= 1;
      if (n === 1) throw new Error("one");
      return n;
    });
    const outcomes = await Promise.allSettled([0, 1, 2, 3, 4].map(work));
    expect([most, outcomes.map(({ status }) => status).join(" ")]).toEqual([2, "fulfilled rejected fulfilled fulfilled fulfilled"]);
  });
});

describe("once", () => {
  it("does the work of a key once, also for who asks while it is being done", async () => {
    const recall = once<number>();
    let count = 0;
    const ask = () => recall("key", () => after(() => ++count));
    expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
  });
});
