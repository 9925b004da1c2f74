// Which address shows what. Pure: an address is text here, the browser's history is router.ts's.
// The same list stands in hub/dvic_hub/api/pages.py, which serves the document at each of them (a test compares them).

export const PAGES = [
  "/", "/fleet", "/hosts", "/measurements", "/nodes/{node}", "/logs", "/runs", "/runs/{run}", "/updates", "/updates/{rollout}", "/histograms", "/histograms/{package}", "/sessions",
  "/sessions/{session}", "/services", "/services/{service}", "/alarms", "/alarms/{alarm}", "/channels", "/rules", "/enrol", "/people", "/tokens", "/audit", "/hub", "/account",
] as const

export type Page = (typeof PAGES)[number]

export type Place = { page: Page; params: Record<string, string>; query: URLSearchParams }

/** The place that a path and a query name, null where there is none. */
export function placeOf(path: string, search: string): Place | null {
  const given = path.split("/")
  for (const page of PAGES) {
    const wanted = page.split("/")
    if (wanted.length !== given.length) continue
    const params: Record<string, string> = {}
    const fits = wanted.every((part, at) => {
      const text = given[at] ?? ""
      if (!part.startsWith("{")) return part === text
      params[part.slice(1, -1)] = decoded(text)
      return text !== ""
    })
    if (fits) return { page, params, query: new URLSearchParams(search) }
  }
  return null
}

/** The relative address of a page (`<base>` holds the rest): `addressOf("/nodes/{node}", { node: "web 1" })`. */
export function addressOf(page: Page, params: Record<string, string> = {}, query: Record<string, string> = {}): string {
  const path = page.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "")).slice(1)
  const kept = Object.entries(query).filter(([, value]) => value !== "")
  const search = new URLSearchParams(kept).toString()
  return (path || "./") + (search ? `?${search}` : "")
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
