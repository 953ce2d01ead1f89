import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { checkAddresses } from "../../src/build/lock/check-addresses.ts";
import { indexClient } from "../../src/build/fetch/http.ts";
import { readIndexPage } from "../../src/build/fetch/index-page.ts";
import type { PackageIndex } from "../../src/build/fetch/index-settings.ts";
import { CaissonError, type PackageName } from "../../src/model/index.ts";
import { makeGround, type Ground } from "./ground.ts";
import { serveIndex, type IndexServer } from "./index-server.ts";
import { makeWheel } from "./wheelhouse.ts";

let ground: Ground;
let server: IndexServer;
beforeEach(async () => {
  ground = makeGround();
  server = await serveIndex([makeWheel("one", "1.0")]);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  ground.remove();
});

/** What is said of requirements by address: message and hint. */
async function saidOf(...urls: readonly string[]): Promise<readonly (readonly [string, string | undefined])[]> {
  const index: PackageIndex = { url: server.url, extra: [], findLinks: [], insecureHosts: [], disabled: false, from: "a test" };
  const needs = urls.map((url, at) => ({ text: `x${at} @ ${url}`, name: `x${at}` as PackageName, specifier: "", by: "web" }));
  try {
    await checkAddresses(ground.context, [...needs, { text: "idna>=3", name: "idna" as PackageName, specifier: ">=3", by: "web" }], index, "uv's own words");
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "index-unreachable" || !String(error.cause).includes("uv's own words")) throw error;
    return error.problems.map(({ message, hint }) => [message, hint]);
  }
  return [];
}

it("says nothing of files, repositories and addresses that are there: then they are not to blame", async () => {
  mkdirSync(join(ground.directory, "lib one"));
  ground.gitIn("lib one", "init", "-q");
  ground.write({ "lib one/a.txt": "a" });
  ground.gitIn("lib one", "add", ".");
  ground.gitIn("lib one", "commit", "-qm", "one");
  const library = pathToFileURL(join(ground.directory, "lib one")).href;
  const { fileName } = server.files[0]!;
  expect(await saidOf(`git+${library}`, `git+${library}@main#subdirectory=x`, `${library}/a.txt#sha256=abc`, `${server.url.replace(/simple$/, "files")}/${fileName}`)).toEqual([]);
});

it("names each that is not there, who asks for it, and how to look oneself", async () => {
  const files = server.url.replace(/simple$/, "files");
  expect(await saidOf("git+file:///nowhere/lib@v1", "file:///nowhere/x-1.0-py3-none-any.whl", `${files}/gone-1.0-py3-none-any.whl`, "http://ann:secret@127.0.0.1:9/x-1.0-py3-none-any.whl")).toEqual([
    ["`web` asks for `x0 @ git+file:///nowhere/lib@v1`, and git finds no repository there", "git ls-remote file:///nowhere/lib"],
    ["`web` asks for `x1 @ file:///nowhere/x-1.0-py3-none-any.whl`, and there is no such file", "is it on another machine? Put it into a directory that --find-links names"],
    [`\`web\` asks for \`x2 @ ${files}/gone-1.0-py3-none-any.whl\`, and its server answers 404`, `curl -I ${files}/gone-1.0-py3-none-any.whl`],
    ["`web` asks for `x3 @ http://127.0.0.1:9/x-1.0-py3-none-any.whl`, and nobody answers there", "curl -I http://127.0.0.1:9/x-1.0-py3-none-any.whl"],
  ]);
});

it.each([
  ["application/vnd.pypi.simple.v1+json", "<html>not JSON</html>"],
  ["application/vnd.pypi.simple.v1+json", '{"files": [{"filename": "x.whl", "url": "http://["}]}'],
  ["application/vnd.pypi.simple.v1+json", '{"files": 7}'],
  ["text/html", '<a href="http://[">x.whl</a>'],
])("an index that answers with rubbish (%s, %j) is named as one, and is no bug of ours", async (mediaType, text) => {
  const get = () => Promise.resolve({ status: 200, url: "http://index.example/simple/x/", mediaType, body: Readable.from([Buffer.from(text)]) });
  await expect(readIndexPage(get, "http://user:secret@index.example/simple", "x")).rejects.toMatchObject({ code: "index-unreachable", message: "`http://index.example/simple/x/` answered with something other than the page of a package index" });
});

it("an index that is named by no address is called so", async () => {
  const get = indexClient(ground.context, { url: "banana", extra: [], findLinks: [], insecureHosts: [], disabled: false, from: "a test" });
  await expect(readIndexPage(get, "banana", "x")).rejects.toMatchObject({ code: "index-unreachable", message: "`banana/x/` is no address of an index" });
});
