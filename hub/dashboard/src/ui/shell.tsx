// What stands around every view: the ways to go, who is signed in, and whether the hub is there.

import { useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import { useEffect } from "preact/hooks"
import { span } from "../core/format.ts"
import { type Key, keys, useKeys } from "../core/keys.ts"
import { lostSince } from "../core/live.ts"
import { now } from "../core/now.ts"
import { addressOf, type Page } from "../core/pages.ts"
import { go, place } from "../core/router.ts"
import { may, me, signOut } from "../core/session.ts"
import type { Role } from "../core/types.ts"
import { AlarmCount, useAlarmSummary } from "./alarms_told.tsx"
import { Dialog, Overlay } from "./dialogs.tsx"

type Way = { page: Page; name: string; key: string; role: Role }

const WAYS: readonly Way[] = [
  { page: "/", name: "Home", key: "g h", role: "viewer" },
  { page: "/fleet", name: "Fleet", key: "g f", role: "viewer" },
  { page: "/logs", name: "Logs", key: "g l", role: "viewer" },
  { page: "/alarms", name: "Alarms", key: "g m", role: "viewer" },
  { page: "/services", name: "Services", key: "g v", role: "viewer" },
  { page: "/runs", name: "Runs", key: "g r", role: "viewer" },
  { page: "/updates", name: "Updates", key: "g u", role: "viewer" },
  { page: "/histograms", name: "Histograms", key: "g i", role: "viewer" },
  { page: "/sessions", name: "Sessions", key: "g s", role: "viewer" },
  { page: "/enrol", name: "Enrol", key: "g e", role: "operator" },
  { page: "/people", name: "People", key: "g p", role: "admin" },
  { page: "/audit", name: "Audit", key: "g a", role: "admin" },
  { page: "/hub", name: "Hub", key: "g o", role: "viewer" },
]

/** Where the first segment of the address leads, so that a node's page lights up Fleet. */
const HOME_OF: Partial<Record<Page, Page>> = {
  "/hosts": "/fleet", "/measurements": "/fleet", "/nodes/{node}": "/fleet", "/runs/{run}": "/runs", "/updates/{rollout}": "/updates", "/histograms/{package}": "/histograms", "/sessions/{session}": "/sessions", "/services/{service}": "/services", "/alarms/{alarm}": "/alarms", "/channels": "/alarms", "/rules": "/alarms", "/tokens": "/account",
}

function Lost() {
  if (!lostSince.value) return null
  return (
    <div class="lost" role="alert">
      The hub has been out of reach for {span(Math.max(0, now.value - lostSince.value))}. What you see is as old as that; it goes on by itself.
    </div>
  )
}

function Help(props: { close: () => void }) {
  return (
    <Dialog title="Keys" close={props.close}>
      <dl class="keys">
        {keys.value.map((each) => <div key={each.key + each.does}><dt>{each.key.split(" ").map((one) => <kbd key={one}>{one}</kbd>)}</dt><dd>{each.does}</dd></div>)}
      </dl>
    </Dialog>
  )
}

export function Shell(props: { children: ComponentChildren }) {
  const help = useSignal(false)
  const open = useSignal(false)
  const ways = WAYS.filter((way) => may(way.role))
  const mine: Key[] = [
    { key: "?", does: "this list", action: () => { help.value = true } },
    { key: "/", does: "search", action: () => document.querySelector<HTMLElement>("[data-search]")?.focus() },
    ...ways.map((way) => ({ key: way.key, does: `go to ${way.name}`, action: () => go(addressOf(way.page)) })),
  ]
  useKeys(mine)
  useAlarmSummary()
  const at = place.value?.page
  const current = at ? (HOME_OF[at] ?? at) : undefined
  useEffect(() => { open.value = false }, [place.value])
  return (
    <div class="shell">
      <a class="skip" href="#view" onClick={(event) => { event.preventDefault(); document.getElementById("view")?.focus() }}>Skip to the content</a>
      <header class="top">
        <button type="button" class="plain menu" aria-label="Menu" aria-expanded={open.value} onClick={() => { open.value = !open.value }}>☰</button>
        <a class="brand" href={addressOf("/")}>DVIC</a>
        <nav class={open.value ? "open" : ""} aria-label="Main">
          {ways.map((way) => (
            <a key={way.page} href={addressOf(way.page)} {...(current === way.page ? { "aria-current": "page" as const } : {})}>{way.name}{way.page === "/alarms" && <AlarmCount />}</a>
          ))}
        </nav>
        <div class="who">
          <a href={addressOf("/account")} title={`signed in as ${me.value?.role}`} {...(current === "/account" ? { "aria-current": "page" as const } : {})}>{me.value?.user}</a>
          <button type="button" class="plain" onClick={() => void signOut().catch(() => {})}>Sign out</button>
        </div>
      </header>
      <Lost />
      <main id="view" tabIndex={-1}>{props.children}</main>
      {help.value && <Help close={() => { help.value = false }} />}
      <Overlay />
    </div>
  )
}

/** The title of the tab, for as long as the view is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · DVIC` : "DVIC"
  }, [title])
}
