// The time, as a signal that moves once a second while the page is looked at.

import { signal } from "@preact/signals"
import { hubTime } from "./clock.ts"

export const now = signal(hubTime())

setInterval(() => { if (!document.hidden) now.value = hubTime() }, 1000)
document.addEventListener("visibilitychange", () => { now.value = hubTime() })
