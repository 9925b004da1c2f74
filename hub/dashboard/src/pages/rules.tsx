// The rules that raise alarms: those that every hub begins with and people's own, with what is set of each. Admins change them.

import { useSignal } from "@preact/signals"
import { ask, part } from "../core/api.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { type Rule, type RuleKind, type RulesAnswer, settingsWords } from "../core/rules.ts"
import { may } from "../core/session.ts"
import { SeverityBadge } from "../ui/alarm_parts.tsx"
import { useAnswer } from "../ui/answer.ts"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { RuleDialog } from "../ui/rule_dialog.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/alarms.css"
import "../styles/forms.css"
import "../styles/hub.css"

/** More rules than a hub can have. */
const ALL = 1000

export function Rules() {
  useTitle("Rules")
  const list = useAnswer((signal) => ask<RulesAnswer>("GET", "rules", { query: { limit: ALL }, signal }))
  const open = useSignal<Rule | "new" | null>(null)
  const kinds = new Map(list.value?.kinds.map((kind) => [kind.kind, kind]))

  const turn = async (rule: Rule) => {
    try {
      await ask("PATCH", `rules/${part(rule.name)}`, { body: { on: !rule.on } })
      say(`${rule.name} is ${rule.on ? "off" : "on"}`)
    } catch (error) {
      say(textOf(error))
    }
    list.again()
  }
  const reset = (rule: Rule) => confirmFirst(`Reset ${rule.name}?`, "It is as delivered again; its open alarms are cleared.", "Reset", async () => {
    await ask("POST", `rules/${part(rule.name)}/reset`)
    list.again()
    say(`${rule.name} is as delivered`)
  })
  const remove = (rule: Rule) => confirmFirst(`Remove ${rule.name}?`, "Its open alarms are cleared.", "Remove", async () => {
    await ask("DELETE", `rules/${part(rule.name)}`)
    list.again()
    say(`${rule.name} is removed`)
  }, true)

  const columns: Column<Rule>[] = [
    { name: "Rule", cell: (rule) => <div class="al-summary">{visible(rule.title) || rule.name}<div class="faint">{rule.name}{rule.origin !== "default" && `, ${rule.origin}${rule.changed_by && ` by ${rule.changed_by}`}`}</div></div> },
    { name: "Severity", cell: (rule) => <SeverityBadge severity={rule.severity} /> },
    { name: "Settings", cell: (rule) => <Settings rule={rule} kind={kinds.get(rule.kind)} /> },
    {
      name: "Open", cell: (rule) => (
        <>
          {rule.open ? <a href={addressOf("/alarms", {}, { rule: rule.name })} aria-label={`${rule.open} open alarms of ${rule.name}`}>{rule.open}</a> : "none"}
          {rule.unjudged.length > 0 && <div class="faint" title={rule.unjudged.map(visible).join("\n")}>can't judge {visible(rule.unjudged[0] ?? "")}{rule.unjudged.length > 1 && ", …"}</div>}
        </>
      ),
    },
    { name: "On", cell: (rule) => rule.on ? "yes" : "no" },
    { name: "Actions", actions: true, cell: (rule) => may("admin") && (
      <>
        <button type="button" aria-label={`Turn ${rule.name} ${rule.on ? "off" : "on"}`} onClick={() => void turn(rule)}>{rule.on ? "Off" : "On"}</button>
        <button type="button" aria-label={`Change ${rule.name}`} onClick={() => { open.value = rule }}>Change</button>
        {rule.origin === "changed" && <button type="button" aria-label={`Reset ${rule.name}`} onClick={() => reset(rule)}>Reset</button>}
        {rule.origin === "own" && <button type="button" aria-label={`Remove ${rule.name}`} onClick={() => remove(rule)}>Remove</button>}
      </>
    ) },
  ]
  return (
    <>
      <div class="head">
        <h1>Rules</h1>
        <div class="buttons">
          <a class="button" href={addressOf("/alarms")}>Alarms</a>
          {may("admin") && list.value && <button type="button" class="primary" onClick={() => { open.value = "new" }}>Add a rule</button>}
        </div>
      </div>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {list.value ? <Rows label="Rules" items={list.value.items} columns={columns} keyOf={(rule) => rule.name} faint={(rule) => !rule.on} /> : !list.fault && <Waiting />}
      {open.value && list.value && <RuleDialog rule={open.value === "new" ? null : open.value} kinds={list.value.kinds} close={() => { open.value = null }} done={() => { open.value = null; list.again() }} />}
    </>
  )
}

function Settings(props: { rule: Rule; kind: RuleKind | undefined }) {
  const { rule } = props
  return <>{visible(settingsWords(rule, props.kind)) || "as usual"}{rule.selector !== "all" && rule.selector && <div class="faint">nodes <code>{rule.selector}</code></div>}</>
}
