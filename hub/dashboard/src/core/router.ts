// Where the page is, as a signal, and how it goes elsewhere: real addresses, real links, the browser's own history.

import { signal } from "@preact/signals"
import { type Place, placeOf } from "./pages.ts"

const base = new URL(document.baseURI)

function here(): Place | null {
  const path = location.pathname.startsWith(base.pathname) ? location.pathname.slice(base.pathname.length - 1) : location.pathname
  return placeOf(path, location.search)
}

/** The present place; null where the address is none of the page's. */
export const place = signal<Place | null>(here())

/** Go to an address made by `addressOf`. */
export function go(address: string): void {
  history.pushState(null, "", new URL(address, base))
  place.value = here()
  scrollTo(0, 0)
}

/** Put parameters into the present address without a new step in the history; an empty text takes one out. */
export function keepInAddress(changes: Record<string, string>): void {
  const url = new URL(location.href)
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  if (url.href === location.href) return
  history.replaceState(history.state, "", url)
  place.value = here()
}

/** Links stay links (middle click, copy, title), but a plain click does not load the page anew. */
export function followLinks(): void {
  addEventListener("popstate", () => { place.value = here() })
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest("a") : null
    if (!link?.href || link.target || link.hasAttribute("download")) return
    const url = new URL(link.href)
    const path = url.pathname.slice(base.pathname.length - 1)
    if (url.origin !== base.origin || !url.pathname.startsWith(base.pathname) || !placeOf(path, url.search)) return
    event.preventDefault()
    go(url.href)
  })
}
