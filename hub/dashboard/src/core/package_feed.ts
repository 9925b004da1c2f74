// One package, followed: its objects as they change, at rest while paused, and as they were at a moment before.
//
// What is shown is of one moment: live (each update as it comes), or a snapshot. While it is paused, or one looks back, updates
// are only counted; going on asks for what is other than what is held. Each object is a signal of its own, so that what
// has not changed is not drawn.

import { type Signal, signal } from "@preact/signals"
import { ask, part } from "./api.ts"
import { type LiveEvent, openStream, type Stream } from "./live.ts"
import type { Layout, PackageAbout, PackageObject, Reference } from "./package_types.ts"
import { Problem, textOf } from "./problems.ts"

/** So many hashes fit into one address. */
const MOST_KNOWN = 150

type Answer = { package: PackageAbout; objects: PackageObject[] }
type Update = { event: string; package: string; serial: number; skipped: number; received: number; time: number; problem: string; snapshot: number; changed: string[]; gone: string[]; objects?: PackageObject[] }

export class PackageFeed {
  readonly key: string
  readonly about = signal<PackageAbout | null>(null)
  readonly layout = signal<Layout | null>(null)
  readonly references = signal<Reference[]>([])
  readonly fault = signal("")
  readonly paused = signal(false)
  /** 0: now. */
  readonly at = signal(0)
  /** Updates that came meanwhile. */
  readonly missed = signal(0)
  readonly names = signal<ReadonlySet<string>>(new Set())
  readonly #objects = new Map<string, Signal<PackageObject | null>>()
  #stream: Stream | null = null
  #stop = new AbortController()
  #asking = false
  #again = false
  #early: Update[] = []
  #askingLayout = false

  constructor(key: string) {
    this.key = key
  }

  start(): this {
    this.#stream = openStream([{ kinds: ["package"], package: this.key, data: true }], { events: (list) => this.#hear(list), stands: () => this.load() })
    void this.loadLayout()
    void this.loadReferences()
    return this
  }

  close(): void {
    this.#stop.abort()
    this.#stream?.close()
  }

  /** The object of a name, null while there is none. */
  object(name: string): Signal<PackageObject | null> {
    let found = this.#objects.get(name)
    if (!found) this.#objects.set(name, found = signal(null))
    return found
  }

  pause(on: boolean): void {
    this.paused.value = on
    if (!on && !this.at.peek()) this.load()
  }

  /** Show a snapshot; 0 goes back to now. While one is on its way only the newest wish is kept. */
  goTo(snapshot: number): void {
    if (snapshot === this.at.peek()) return
    this.at.value = snapshot
    this.load()
  }

  /** Ask for what is not held of the moment that is shown. */
  load(): void {
    if (this.#asking) this.#again = true
    else void this.#ask()
  }

  async loadLayout(): Promise<void> {
    this.#askingLayout = true
    try {
      this.layout.value = await ask<Layout>("GET", `packages/${part(this.key)}/layout`, { signal: this.#stop.signal })
    } catch {
      // whoever asks for the objects is told; the layout that there is stays, and where there is none the next update asks again
    }
    this.#askingLayout = false
  }

  async loadReferences(): Promise<void> {
    try {
      this.references.value = (await ask<{ items: Reference[] }>("GET", `packages/${part(this.key)}/references`, { signal: this.#stop.signal })).items
    } catch {
      // as above
    }
  }

  get #resting(): boolean {
    return this.paused.peek() || this.at.peek() !== 0
  }

  async #ask(): Promise<void> {
    this.#asking = true
    const wantedAgain = () => this.#again
    do {
      this.#again = false
      const at = this.at.peek()
      try {
        const known = [...this.#objects.values()].flatMap((each) => each.peek()?.hash ?? []).slice(0, MOST_KNOWN).join(",")
        const answer = await ask<Answer>("GET", `packages/${part(this.key)}/objects`, { query: { known, at: at || "" }, signal: this.#stop.signal })
        if (at === this.at.peek()) this.#take(answer)
        this.fault.value = ""
      } catch (error) {
        if (this.#stop.signal.aborted) return
        this.fault.value = error instanceof Problem && error.status === 404 && at ? "That moment is not kept any more: choose another." : textOf(error)
      }
    } while (wantedAgain())
    this.#asking = false
    for (const update of this.#early.splice(0)) this.#apply(update)
  }

  #take(answer: Answer): void {
    this.about.value = answer.package
    this.missed.value = 0
    const there = new Set((answer.package.objects ?? []).map((each) => each.name))
    for (const each of answer.objects) this.object(each.name).value = each
    for (const [name, each] of this.#objects) if (!there.has(name)) each.value = null
    this.#named(there)
  }

  #named(there: Set<string>): void {
    if (!this.layout.peek() && !this.#askingLayout) void this.loadLayout()
    const before = this.names.peek()
    if (before.size === there.size && [...there].every((name) => before.has(name))) return
    this.names.value = there
    if (before.size && !this.layout.peek()?.text) void this.loadLayout()
  }

  #hear(events: LiveEvent[]): void {
    for (const event of events) {
      if (event.kind === "gap") this.load()
      else if (event.kind === "package") this.#change(event as unknown as Update)
    }
  }

  #change(update: Update): void {
    const about = this.about.peek()
    if (update.event === "layout") void this.loadLayout()
    else if (update.event === "reference") void this.loadReferences()
    else if (about && update.event === "gone") this.about.value = { ...about, state: "gone" }
    else if (about && update.event === "problem") this.about.value = { ...about, problem: update.problem }
    else if (update.event === "removed") this.fault.value = "This package was deleted. It comes back with the next update of its program."
    else if (update.event === "update" && this.#resting) this.missed.value++
    else if (update.event === "update" && this.#asking) this.#early.push(update)
    else if (update.event === "update") this.#apply(update)
  }

  #apply(update: Update): void {
    const about = this.about.peek()
    if (this.#resting || (about && update.snapshot <= about.snapshot)) return
    const brought = new Map((update.objects ?? []).map((each) => [each.name, each]))
    if (!about || update.changed.some((name) => !brought.has(name))) {
      this.load()
      return
    }
    for (const [name, each] of brought) this.object(name).value = each
    for (const name of update.gone) this.object(name).value = null
    const there = new Set([...this.names.peek(), ...update.changed])
    for (const name of update.gone) there.delete(name)
    this.#named(there)
    const time = (micros: number) => new Date(micros / 1000).toISOString()
    this.about.value = { ...about, state: "live", problem: update.problem, serial: update.serial, skipped: update.skipped, snapshot: update.snapshot, time: time(update.time), received: time(update.received), object_count: there.size }
  }
}
