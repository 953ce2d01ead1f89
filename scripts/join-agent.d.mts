/** Writes dist/agent.py. */
export function joinAgent(): void;
