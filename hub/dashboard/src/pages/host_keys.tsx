// The host keys that were accepted when machines were enrolled by ssh, and forgetting one.

import { ask, askAll, part } from "../core/api.ts"
import { oneLine } from "../core/harmless.ts"
import { type KnownHost, placeText } from "../core/pushing.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"

/** `turn` changes when one may have been accepted. */
export function HostKeys(props: { turn: string }) {
  const list = useAnswer((signal) => askAll<KnownHost>("host-keys", {}, signal), [props.turn])
  const forget = (known: KnownHost) => {
    const place = placeText(known)
    const text = <>The next enrolment of {place} from {known.via || "the hub"} shows its host key and asks. Forget it when you know why it has changed: the machine was installed anew.</>
    confirmFirst(`Forget the host key of ${place}?`, text, "Forget", async () => {
      await ask("DELETE", `host-keys/${part(known.id)}`)
      list.again()
      say(`Forgot the host key of ${place}`)
    }, true)
  }
  const columns: Column<KnownHost>[] = [
    { name: "Place", cell: (known) => <bdi>{oneLine(placeText(known))}</bdi> },
    { name: "Seen from", cell: (known) => known.via ? <bdi>{oneLine(known.via)}</bdi> : "the hub" },
    { name: "Kind", cell: (known) => oneLine(known.kind) },
    { name: "Fingerprint", cell: (known) => <code>{oneLine(known.fingerprint)}</code> },
    { name: "Accepted", cell: (known) => <>{oneLine(known.by)} <Ago time={known.since} /></> },
    { name: "Actions", actions: true, cell: (known) => <button type="button" aria-label={`Forget the host key of ${placeText(known)} from ${known.via || "the hub"}`} onClick={() => forget(known)}>Forget</button> },
  ]
  return (
    <section aria-label="Remembered host keys">
      <h2>Remembered host keys</h2>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {!list.value ? !list.fault && <Waiting /> : list.value.length
        ? <Rows label="Host keys" items={list.value} columns={columns} keyOf={(known) => known.id} />
        : <Empty>No host key is remembered: the first enrolment by ssh shows one and asks.</Empty>}
    </section>
  )
}
