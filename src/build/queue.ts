/** Runs what it is given, at most so many at a time, first come first served. */
export type Queue = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** An empty queue. A failure is its own work's alone; the others go on. */
export function createQueue(limit: number): Queue {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    // Whoever ends hands its place on, so `running` stays as it is for one that waited.
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** Nobody waits at it until it is closed, and nobody once it was opened. */
export interface Gate {
  close(): void;
  open(): void;
  pass(): Promise<void>;
}

export function createGate(): Gate {
  const waiting: (() => void)[] = [];
  let state: "new" | "closed" | "open" = "new";
  return {
    close: () => void (state = state === "new" ? "closed" : state),
    open: () => {
      state = "open";
      for (const pass of waiting.splice(0)) pass();
    },
    pass: async () => {
      if (state === "closed") await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

/** Does work once for each key; who asks again, also while it is being done, gets the same answer. */
export function once<Result>(): (key: string, work: () => Promise<Result>) => Promise<Result> {
  const answers = new Map<string, Promise<Result>>();
  return (key, work) => {
    const answer = answers.get(key) ?? work();
    answers.set(key, answer);
    return answer;
  };
}

/** Work that is done when it is first asked for, and once. */
export function lazily<Result>(work: () => Promise<Result>): () => Promise<Result> {
  const recall = once<Result>();
  return () => recall("", work);
}
