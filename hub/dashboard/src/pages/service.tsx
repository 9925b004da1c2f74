// One monitoring service: its steps as a diagram that moves as its programs tell, the cycles before, what can be set of it. The
// address holds which cycle and which step is looked at, so that it can be sent to a colleague.

import { useSignal } from "@preact/signals"
import { useEffect, useMemo } from "preact/hooks"
import { stepName } from "../embed/steps.ts"
import { count } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { go, keepInAddress, place } from "../core/router.ts"
import { ServiceFeed } from "../core/service_feed.ts"
import { type Cycle, removeService, type Service, type Step } from "../core/services.ts"
import { may } from "../core/session.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { ServiceDialog } from "../ui/service_compose.tsx"
import { ServiceControls } from "../ui/service_controls.tsx"
import { CycleSpan, StepBadge, StepChips, StepDiagram } from "../ui/service_parts.tsx"
import { Shares } from "../ui/service_shares.tsx"
import { StepDialog } from "../ui/service_step.tsx"
import { useTitle } from "../ui/shell.tsx"

export function ServicePage(props: { params: Record<string, string> }) {
  const name = props.params["service"] ?? ""
  useTitle(`${name} · Service`)
  const feed = useMemo(() => new ServiceFeed(name), [name])
  useEffect(() => {
    feed.start()
    return () => feed.close()
  }, [feed])
  const service = feed.service.value
  const query = place.value?.query ?? new URLSearchParams()
  const wanted = Number(query.get("cycle")) || 0
  const here = service !== null
  useEffect(() => { if (wanted && here) void feed.need(wanted) }, [wanted, here])
  if (feed.gone.value) return <Empty><h1>There is no service {name}</h1><p><a href={addressOf("/services")}>All services</a></p></Empty>
  if (!service) return feed.fault.value ? <ErrorBox text={feed.fault.value} again={() => void feed.load()} /> : <Waiting />
  const cycles = feed.cycles.value
  const shown = (wanted ? feed.cycle(wanted) : undefined) ?? (wanted ? undefined : cycles[0]) ?? null
  const step = shown?.steps.find((each) => stepName(each) === query.get("step"))
  const open = (cycle: number, named: string) => keepInAddress({ cycle: cycle === cycles[0]?.number && !wanted ? "" : String(cycle), step: named })
  return (
    <div class="sv-view">
      <Head service={service} feed={feed} />
      {feed.fault.value && <ErrorBox text={feed.fault.value} again={() => void feed.load()} />}
      <Chosen service={service} cycles={cycles} shown={shown} wanted={wanted} />
      {service.description && (
        <section aria-label="Steps" class="sv-stage">
          <StepDiagram description={service.description} cycle={shown} open={(component, source) => { if (shown) open(shown.number, stepName({ component, source })) }} />
        </section>
      )}
      <Past cycles={cycles} shown={shown} feed={feed} open={open} />
      {Object.keys(service.counted).length > 0 && <p class="faint">Events that moved nothing: {Object.entries(service.counted).map(([why, many]) => `${why} ${many}`).join(", ")}.</p>}
      <details class="sv-set">
        <summary>Switches and levels</summary>
        <ServiceControls service={service} took={(changed) => feed.took(changed)} />
      </details>
      {may("operator") && (
        <details class="sv-set">
          <summary>On other sites</summary>
          <Shares service={name} />
        </details>
      )}
      {shown && step && <StepDialog service={name} cycle={shown.number} step={step} close={() => keepInAddress({ step: "" })} />}
    </div>
  )
}

function Head(props: { service: Service; feed: ServiceFeed }) {
  const { service, feed } = props
  const changing = useSignal(false)
  const remove = () => confirmFirst(`Delete ${service.name}?`, <p>It goes with the history of its cycles. What its programs logged stays in the logs.</p>, "Delete it", async () => {
    await removeService(service.name)
    say(`${service.name} is deleted`)
    go(addressOf("/services"))
  }, true)
  return (
    <header>
      <div class="head">
        <h1>{service.name}</h1>
        {may("operator") && (
          <div class="buttons">
            <button type="button" onClick={() => { changing.value = true }}>Change</button>
            <button type="button" class="danger" onClick={remove}>Delete</button>
          </div>
        )}
      </div>
      <p class="line">
        {service.title && <>{visible(service.title)}. </>}
        {!service.on && <><StepBadge state="off" />: nothing moves it. </>}
        {service.due && <>The next cycle is expected <Ago time={service.due} />. </>}
      </p>
      {changing.value && <ServiceDialog service={service} close={() => { changing.value = false }} done={(changed) => { changing.value = false; feed.took(changed) }} />}
    </header>
  )
}

/** Which cycle the diagram shows: the newest as long as nobody chose another; those under way stand beside. */
function Chosen(props: { service: Service; cycles: readonly Cycle[]; shown: Cycle | null; wanted: number }) {
  const { cycles, shown, wanted } = props
  const open = cycles.filter((cycle) => !cycle.ended)
  return (
    <div class="sv-chosen">
      <p class="sv-now" aria-live="off">
        {shown ? <><strong>{titleOf(shown)}</strong> <StepBadge state={shown.state} /> <CycleSpan cycle={shown} />{shown.started && <span class="faint"> begun <Ago time={shown.started} /></span>}</>
          : <span class="faint">{wanted ? `Cycle ${wanted} is not kept.` : "No cycle yet: it begins with the first event."}</span>}
      </p>
      <div class="run-chips" role="group" aria-label="Cycles under way">
        {wanted > 0 && <button type="button" onClick={() => keepInAddress({ cycle: "", step: "" })}>Follow the newest</button>}
        {(open.length > 1 || wanted > 0) && open.map((cycle) => (
          <button key={cycle.number} type="button" aria-pressed={shown?.number === cycle.number} onClick={() => keepInAddress({ cycle: String(cycle.number), step: "" })}>{titleOf(cycle)}</button>
        ))}
      </div>
    </div>
  )
}

function titleOf(cycle: Pick<Cycle, "number" | "name">): string {
  return cycle.name ? `cycle ${cycle.number}, ${visible(cycle.name)}` : `cycle ${cycle.number}`
}

function Past(props: { cycles: readonly Cycle[]; shown: Cycle | null; feed: ServiceFeed; open: (cycle: number, step: string) => void }) {
  const { cycles, shown, feed } = props
  const columns: readonly Column<Cycle>[] = [
    { name: "Cycle", cell: (cycle) => (
      <button type="button" class="linkish sv-pick" {...(cycle === shown ? { "aria-current": true as const } : {})} onClick={() => { keepInAddress({ cycle: String(cycle.number), step: "" }); scrollTo(0, 0) }}>{titleOf(cycle)}</button>
    ) },
    { name: "Result", cell: (cycle) => <StepBadge state={cycle.state} /> },
    { name: "Begun", cell: (cycle) => <Ago time={cycle.started} /> },
    { name: "Took", cell: (cycle) => <CycleSpan cycle={cycle} /> },
    { name: "Steps", cell: (cycle) => <StepChips cycle={cycle} open={(step: Step) => props.open(cycle.number, stepName(step))} /> },
  ]
  if (!cycles.length) return null
  return (
    <section aria-label="Cycles" class="sv-past">
      <h2>Cycles</h2>
      <Rows label="Cycles" items={cycles} columns={columns} keyOf={(cycle) => cycle.number} />
      {feed.next.value && <p><button type="button" onClick={() => void feed.more()}>Older cycles</button> <span class="faint">{count(cycles.length, "cycle")} shown</span></p>}
    </section>
  )
}
