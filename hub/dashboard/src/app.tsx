// What is shown where. Every view but the first ones is loaded when it is first gone to.

import { effect, useSignal } from "@preact/signals"
import type { ComponentType } from "preact"
import { useEffect } from "preact/hooks"
import { leaveFleet, watchFleet } from "./core/fleet.ts"
import type { Page } from "./core/pages.ts"
import { textOf } from "./core/problems.ts"
import { place } from "./core/router.ts"
import { findOut, me } from "./core/session.ts"
import { Home } from "./pages/home.tsx"
import { Login } from "./pages/login.tsx"
import { Nowhere } from "./pages/nowhere.tsx"
import { ErrorBox, Waiting } from "./ui/notices.tsx"
import { Shell } from "./ui/shell.tsx"

type View = ComponentType<{ params: Record<string, string> }>
type Source = () => Promise<View>

const VIEWS: Partial<Record<Page, Source>> = {
  "/": () => Promise.resolve(Home),
  "/fleet": () => import("./pages/fleet.tsx").then((module) => module.Fleet),
  "/hosts": () => import("./pages/hosts.tsx").then((module) => module.Hosts),
  "/measurements": () => import("./pages/measurements.tsx").then((module) => module.Measurements),
  "/nodes/{node}": () => import("./pages/node.tsx").then((module) => module.NodePage),
  "/logs": () => import("./pages/logs.tsx").then((module) => module.Logs),
  "/runs": () => import("./pages/runs.tsx").then((module) => module.Runs),
  "/runs/{run}": () => import("./pages/run.tsx").then((module) => module.RunPage),
  "/updates": () => import("./pages/updates.tsx").then((module) => module.Updates),
  "/updates/{rollout}": () => import("./pages/rollout.tsx").then((module) => module.RolloutPage),
  "/histograms": () => import("./pages/histograms.tsx").then((module) => module.Histograms),
  "/histograms/{package}": () => import("./pages/package.tsx").then((module) => module.PackagePage),
  "/sessions": () => import("./pages/sessions.tsx").then((module) => module.Sessions),
  "/sessions/{session}": () => import("./pages/session.tsx").then((module) => module.SessionPage),
  "/services": () => import("./pages/services.tsx").then((module) => module.Services),
  "/services/{service}": () => import("./pages/service.tsx").then((module) => module.ServicePage),
  "/alarms": () => import("./pages/alarms.tsx").then((module) => module.Alarms),
  "/alarms/{alarm}": () => import("./pages/alarm.tsx").then((module) => module.AlarmPage),
  "/channels": () => import("./pages/channels.tsx").then((module) => module.Channels),
  "/rules": () => import("./pages/rules.tsx").then((module) => module.Rules),
  "/enrol": () => import("./pages/enrol.tsx").then((module) => module.Enrol),
  "/people": () => import("./pages/people.tsx").then((module) => module.People),
  "/tokens": () => import("./pages/tokens.tsx").then((module) => module.Tokens),
  "/audit": () => import("./pages/audit.tsx").then((module) => module.Audit),
  "/hub": () => import("./pages/hub.tsx").then((module) => module.Hub),
  "/account": () => import("./pages/account.tsx").then((module) => module.Account),
}

const arrived = new Map<Page, View>()

/** The view of a page: loaded on first use, with what went wrong when the hub could not give it. */
function Current(props: { page: Page; params: Record<string, string> }) {
  const fault = useSignal("")
  const turn = useSignal(0)
  useEffect(() => {
    fault.value = ""
    const source = VIEWS[props.page]
    if (!source || arrived.has(props.page)) return
    source().then(
      (view) => {
        arrived.set(props.page, view)
        turn.value++
      },
      (error: unknown) => { fault.value = textOf(error) },
    )
  }, [props.page])
  turn.value
  const Found = arrived.get(props.page)
  if (!VIEWS[props.page]) return <Nowhere />
  if (fault.value) return <ErrorBox text={`This view could not be loaded: ${fault.value}`} again={() => location.reload()} />
  return Found ? <Found key={JSON.stringify(props.params)} params={props.params} /> : <Waiting />
}

effect(() => {
  if (me.value) watchFleet()
  else if (me.value === null) leaveFleet()
})

export function App() {
  const fault = useSignal("")
  const look = () => {
    fault.value = ""
    findOut().catch((error: unknown) => {
      fault.value = textOf(error)
      setTimeout(look, 2000)
    })
  }
  useEffect(look, [])
  if (fault.value) return <main class="alone"><ErrorBox text={fault.value} again={look} /></main>
  if (me.value === undefined) return <main class="alone"><Waiting /></main>
  if (me.value === null) return <Login />
  const at = place.value
  return <Shell>{at ? <Current page={at.page} params={at.params} /> : <Nowhere />}</Shell>
}
