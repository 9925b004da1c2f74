// Builds the page into ../dvic_hub/web/static: index.html, and assets/ with a hash in each name and a .gz beside each.
//
// Beside it for pages of others: embed.html, and static/dvic-live.js with its limit (as a module, and as .global.js for <script>).
//
//   node build.mjs            once
//   node build.mjs --watch    again at each change, without compressing
//
// It says how large the first page is (what index.html loads before anything is clicked) and fails above the limit.

import { readdir, readFile, rm, writeFile, mkdir, rename } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import * as esbuild from "esbuild"

const FIRST_PAGE_LIMIT = 120 * 1024
const LIBRARY_LIMIT = 10 * 1024
const here = dirname(fileURLToPath(import.meta.url))
const target = resolve(here, "../dvic_hub/web/static")
const making = `${target}.new`
const watch = process.argv.includes("--watch")

const options = {
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: !watch,
  sourcemap: watch ? "inline" : false,
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".svg": "file", ".woff2": "file" },
  metafile: true,
  // What JSROOT takes only outside a browser, or from a three.js that is not its own: asked for by nobody here.
  external: ["@oneidentity/zstd-js", "@resvg/resvg-js", "canvas", "fs", "jsdom", "mathjax", "three", "tmp", "xhr2", "zlib"],
  outdir: join(watch ? target : making, "assets"),
}

// What a module loads at once, itself included: not what it imports when it is needed.
function loadedAtOnce(outputs, name, seen = new Set()) {
  if (seen.has(name)) return seen
  seen.add(name)
  for (const each of outputs[name].imports) if (each.kind === "import-statement") loadedAtOnce(outputs, each.path, seen)
  return seen
}

async function writeIndex(result, folder) {
  const outputs = result.metafile.outputs
  const [script] = Object.entries(outputs).find(([, output]) => output.entryPoint === "src/main.tsx")
  // A view that is loaded later brings its style no other way; the first one's comes first, for the others build on it.
  const first = outputs[script].cssBundle
  const styles = [first, ...Object.keys(outputs).filter((path) => path.endsWith(".css") && path !== first).sort()]
  const scripts = [...loadedAtOnce(outputs, script)]
  const link = (path) => `assets/${path.split("/").at(-1)}`
  const template = await readFile(join(here, "index.html"), "utf8")
  const head = [
    ...styles.map((each) => `<link rel="stylesheet" href="${link(each)}">`),
    ...scripts.filter((each) => each !== script).map((each) => `<link rel="modulepreload" href="${link(each)}">`),
    `<script type="module" src="${link(script)}"></script>`,
  ].join("\n  ")
  await writeFile(join(folder, "index.html"), template.replace("<!-- assets -->", head))
  return [...scripts, ...styles].map(link)
}

// What other sites' pages load: files that stand alone, with names that stay.
async function writeForOthers(folder) {
  const alone = { ...options, splitting: false, metafile: false, outdir: undefined, entryNames: undefined }
  const library = { ...alone, entryPoints: ["src/embed/live.ts"] }
  await esbuild.build({ ...library, outfile: join(folder, "static/dvic-live.js") })
  await esbuild.build({ ...library, format: "iife", globalName: "dvicLive", outfile: join(folder, "static/dvic-live.global.js") })
  const page = await esbuild.build({ ...options, splitting: false, entryPoints: { embed: "src/embed/page.ts" }, outdir: join(folder, "assets") })
  const [script] = Object.keys(page.metafile.outputs)
  const template = await readFile(join(here, "embed.html"), "utf8")
  await writeFile(join(folder, "embed.html"), template.replace("<!-- assets -->", `<script type="module" src="assets/${script.split("/").at(-1)}"></script>`))
  const size = gzipSync(await readFile(join(folder, "static/dvic-live.js")), { level: 9 }).length
  console.log(`dvic-live.js: ${(size / 1024).toFixed(1)} KiB gzipped (at most ${LIBRARY_LIMIT / 1024})`)
  if (size > LIBRARY_LIMIT) process.exit(1)
}

if (watch) {
  const plugin = { name: "index", setup: (build) => build.onEnd(async (result) => {
    if (result.errors.length) return
    await writeIndex(result, target)
    await writeForOthers(target)
  }) }
  await mkdir(target, { recursive: true })
  const context = await esbuild.context({ ...options, plugins: [plugin] })
  await context.watch()
} else {
  await rm(making, { recursive: true, force: true })
  const result = await esbuild.build(options)
  const first = await writeIndex(result, making)
  await writeForOthers(making)
  let size = gzipSync(await readFile(join(making, "index.html")), { level: 9 }).length
  for (const name of await readdir(join(making, "assets"))) {
    const packed = gzipSync(await readFile(join(making, "assets", name)), { level: 9 })
    await writeFile(join(making, "assets", `${name}.gz`), packed)
    if (first.includes(`assets/${name}`)) size += packed.length
  }
  console.log(`first page: ${(size / 1024).toFixed(1)} KiB gzipped (at most ${FIRST_PAGE_LIMIT / 1024})`)
  if (size > FIRST_PAGE_LIMIT) process.exit(1)
  await rm(target, { recursive: true, force: true })
  await rename(making, target)
}
