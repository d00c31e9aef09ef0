// How the modules lie: none imports in a circle, panels never import each other, none is too long to read.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("../../demo/page/", import.meta.url));
const LONGEST = 250;
const files = readdirSync(PAGE, { recursive: true }).filter(
  (name) => name.endsWith(".js") && !name.startsWith("vendor"),
);
const text = Object.fromEntries(files.map((name) => [name, readFileSync(join(PAGE, name), "utf-8")]));
const imports = Object.fromEntries(
  files.map((name) => {
    const found = text[name].matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g);
    return [
      name,
      [...found].map((match) => normalize(join(dirname(name), match[1]))).filter((to) => to in text),
    ];
  }),
);
const isPanel = (name) => name.startsWith("panels/");

test("there are modules to look at", () => {
  assert.ok(files.length > 20);
  assert.ok(imports["main.js"].length > 10);
});

test("no module imports in a circle", () => {
  const done = new Set();
  const visit = (name, path) => {
    assert.ok(!path.includes(name), [...path, name].join(" -> "));
    if (done.has(name)) return;
    for (const to of imports[name]) visit(to, [...path, name]);
    done.add(name);
  };
  for (const name of files) visit(name, []);
});

test("panels never import each other, and nothing but main imports panels", () => {
  for (const name of files) {
    const panels = imports[name].filter(isPanel);
    assert.ok(name === "main.js" || panels.length === 0, `${name} -> ${panels}`);
  }
});

test("a module of more than 250 lines says why at its top", () => {
  for (const name of files) {
    const lines = text[name].trimEnd().split("\n");
    assert.ok(
      lines.length <= LONGEST || /^\/\/ Long because /m.test(lines.slice(0, 5).join("\n")),
      `${name}: ${lines.length}`,
    );
  }
});

test("nothing is loaded from another host", () => {
  for (const name of files) assert.doesNotMatch(text[name], /["'`]https?:\/\/(?!www\.w3\.org)/, name);
});
