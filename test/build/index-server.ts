import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Built } from "./wheelhouse.ts";

/** A package index on this machine, that can also misbehave. */
export interface IndexServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/simple` */
  readonly url: string;
  /** Paths asked for, in order. */
  readonly requests: readonly string[];
  readonly files: Built[];
  /** What goes wrong with a file, by its name; each time it is asked for until the list is used up, `always` for ever. */
  readonly mischief: Map<string, Mischief[] | "always lie">;
  /** Send the second halves that were held back. */
  release(): void;
}

/** `lie`: other bytes than the page's hash says; `cut`: half of the file, then the connection breaks; `short`: half of it and a clean end; `error`: a 500; `hold`: half of it, and the rest when it is released. */
type Mischief = "lie" | "cut" | "short" | "error" | "stall" | "hold";

export interface IndexOptions {
  readonly json?: boolean;
  /** `user:password` that every request must bring. */
  readonly login?: string;
}

export async function serveIndex(files: readonly Built[], options: IndexOptions = {}): Promise<IndexServer> {
  const requests: string[] = [];
  const mine = [...files];
  const mischief: IndexServer["mischief"] = new Map();
  const held: (() => void)[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/");
    requests.push(path);
    if (options.login !== undefined && request.headers.authorization !== `Basic ${Buffer.from(options.login).toString("base64")}`) return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
    const [, where, name = ""] = /^\/(simple|files)\/([^/]+)\/?$/.exec(path) ?? [];
    if (where === "simple") return sendPage(request, response, mine.filter((file) => file.name === name), options.json === true);
    const file = mine.find(({ fileName }) => fileName === name);
    if (where !== "files" || file === undefined) return void response.writeHead(404).end();
    const wrong = mischief.get(name);
    if (Array.isArray(wrong) && wrong[0] === "hold") held.push(() => void response.end(file.bytes.subarray(file.bytes.length >> 1)));
    sendFile(response, file, Array.isArray(wrong) ? wrong.shift() : wrong === undefined ? undefined : "lie");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/simple`,
    requests,
    files: mine,
    mischief,
    release: () => held.splice(0).forEach((send) => send()),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sendPage(request: IncomingMessage, response: ServerResponse, files: readonly Built[], json: boolean): void {
  if (files.length === 0) return void response.writeHead(404).end();
  if (json && (request.headers.accept ?? "").includes("application/vnd.pypi.simple.v1+json")) {
    const list = files.map(({ fileName, sha256, bytes }) => ({ filename: fileName, url: `../../files/${fileName}`, hashes: { sha256 }, size: bytes.length }));
    return void response.writeHead(200, { "content-type": "application/vnd.pypi.simple.v1+json" }).end(JSON.stringify({ meta: { "api-version": "1.1" }, name: files[0]?.name, versions: [], files: list }));
  }
  const links = files.map(({ fileName, sha256 }) => `<a href="../../files/${fileName}#sha256=${sha256}">${fileName}</a><br/>`);
  response.writeHead(200, { "content-type": "text/html" }).end(`<!DOCTYPE html><html><body>${links.join("\n")}</body></html>`);
}

function sendFile(response: ServerResponse, { bytes }: Built, wrong: Mischief | undefined): void {
  const half = bytes.subarray(0, bytes.length >> 1);
  switch (wrong) {
    case undefined:
      return void response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    case "lie":
      return void response.writeHead(200).end(Buffer.from(bytes).fill(0, bytes.length - 8));
    case "cut":
      response.writeHead(200, { "content-length": bytes.length });
      return void response.write(half, () => response.destroy());
    case "short":
      return void response.writeHead(200).end(half);
    case "error":
      return void response.writeHead(500).end();
    case "stall":
    case "hold":
      response.writeHead(200, { "content-length": bytes.length });
      return void response.write(half);
  }
}
