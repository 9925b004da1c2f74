// All monitoring services: how each is, the cycle that is under way, and how the last ones went.

import { useSignal } from "@preact/signals"
import { useEffect, useMemo } from "preact/hooks"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { keepInAddress, go, place } from "../core/router.ts"
import { ServicesFeed } from "../core/service_feed.ts"
import { progress, type Service } from "../core/services.ts"
import { may } from "../core/session.ts"
import { Ago } from "../ui/badges.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { ServiceDialog } from "../ui/service_compose.tsx"
import { CycleSpan, StepBadge, Strip } from "../ui/service_parts.tsx"
import { useTitle } from "../ui/shell.tsx"

const COLUMNS: readonly Column<Service>[] = [
  { name: "Service", cell: (service) => (
    <><a href={addressOf("/services/{service}", { service: service.name })}>{service.name}</a>{service.title && <div class="faint">{visible(service.title)}</div>}</>
  ) },
  { name: "State", cell: (service) => <StepBadge state={service.state === "idle" && service.cycle ? service.cycle.state : service.state} /> },
  { name: "Newest cycle", cell: (service) => <Newest service={service} /> },
  { name: "Last cycles", cell: (service) => <Strip service={service} /> },
]

export function Services() {
  useTitle("Services")
  const feed = useMemo(() => new ServicesFeed(), [])
  const making = useSignal(false)
  useEffect(() => {
    feed.start()
    return () => feed.close()
  }, [feed])
  const services = feed.services.value
  const open = (making.value || place.value?.query.get("new") === "1") && may("operator")
  const close = () => {
    making.value = false
    keepInAddress({ new: "" })
  }
  return (
    <>
      <div class="page-head">
        <h1>Services</h1>
        {may("operator") && <button type="button" class="primary" onClick={() => { making.value = true }}>New service</button>}
      </div>
      {feed.fault.value && <ErrorBox text={feed.fault.value} again={() => void feed.load()} />}
      {!services ? !feed.fault.value && <Waiting /> : services.length
        ? <Rows label="Services" items={services} columns={COLUMNS} keyOf={(service) => service.name} faint={(service) => !service.on} />
        : <Empty><p>There is no monitoring service yet: a processing cycle of steps that programs tell of by their logs.</p></Empty>}
      {open && <ServiceDialog close={close} done={(service) => go(addressOf("/services/{service}", { service: service.name }))} />}
    </>
  )
}

function Newest(props: { service: Service }) {
  const { cycle, due } = props.service
  return (
    <>
      {cycle ? <>{cycle.ended ? <Ago time={cycle.ended} /> : <Progress cycle={cycle} />}{" "}<CycleSpan cycle={cycle} /></> : <span class="faint">none</span>}
      {due && <div class="faint">next expected <Ago time={due} /></div>}
    </>
  )
}

function Progress(props: { cycle: NonNullable<Service["cycle"]> }) {
  const { done, of } = progress(props.cycle)
  return <><progress value={done} max={Math.max(1, of)} aria-label="Steps that have ended" /> {done} of {of}</>
}
