// A rule, made or changed, by the form of its kind. An empty field is the kind's default.

import { useSignal } from "@preact/signals"
import { SEVERITIES, type Severity } from "../core/alarms.ts"
import { ask, part } from "../core/api.ts"
import { type Rule, type RuleKind, type RuleSetting, settingsOf, type Value } from "../core/rules.ts"
import { LEVELS } from "../core/types.ts"
import { Dialog, say } from "./dialogs.tsx"
import { Choice, fieldOf, Form } from "./forms.tsx"

export function RuleDialog(props: { rule: Rule | null; kinds: readonly RuleKind[]; close: () => void; done: () => void }) {
  const { rule } = props
  const chosen = useSignal(rule?.kind ?? "metric")
  const kind = props.kinds.find((each) => each.kind === chosen.value)
  const submit = async (given: FormData) => {
    if (!kind) return
    const name = rule?.name ?? fieldOf(given, "name")
    const settings = settingsOf(kind, (each) => fieldOf(given, `settings.${each}`))
    const known = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null))
    const about = { severity: fieldOf(given, "severity"), title: fieldOf(given, "title"), ...(kind.selects_nodes ? { selector: fieldOf(given, "selector") || "all" } : {}) }
    if (rule) await ask("PATCH", `rules/${part(name)}`, { body: { ...about, settings } })
    else await ask("PUT", `rules/${part(name)}`, { body: { ...about, kind: kind.kind, settings: known } })
    say(`${name} is ${rule ? "changed" : "added"}`)
    props.done()
  }
  return (
    <Dialog title={rule ? `Change ${rule.name}` : "Add a rule"} close={props.close}>
      <Form submit={rule ? "Change" : "Add"} action={submit} class="fields upright">
        {!rule && <label>Name <input name="name" required maxLength={64} autoComplete="off" spellcheck={false} /></label>}
        {!rule && (
          <label>Kind
            <select value={chosen.value} onChange={(event) => { chosen.value = event.currentTarget.value }}>
              {props.kinds.map((each) => <option key={each.kind} value={each.kind}>{each.kind}</option>)}
            </select>
          </label>
        )}
        {kind && <p class="faint">{kind.about}{rule && " A change clears what it has open."}</p>}
        <label>Title <input name="title" maxLength={200} defaultValue={rule?.title} autoComplete="off" /></label>
        <Choice<Severity> name="severity" label="Severity" value={rule?.severity ?? "warning"} options={SEVERITIES.map((value) => ({ value, name: value }))} />
        {kind?.selects_nodes && <label>Of nodes <input name="selector" defaultValue={rule?.selector ?? "all"} autoComplete="off" spellcheck={false} /></label>}
        {kind?.settings.map((setting) => <Field key={`${kind.kind} ${setting.name}`} setting={setting} value={rule?.settings[setting.name]} />)}
      </Form>
    </Dialog>
  )
}

function Field(props: { setting: RuleSetting; value: Value | undefined }) {
  const { setting } = props
  const name = `settings.${setting.name}`
  const value = props.value === undefined ? "" : String(props.value)
  const title = `${setting.name}${setting.unit && ` (${setting.unit})`}`
  const about = `${name}-about`
  const numeric = setting.form === "number" || setting.form === "whole"
  const bounds = { ...(setting.least === null ? {} : { min: setting.least }), ...(setting.most === null ? {} : { max: setting.most }) }
  const common = {
    name, required: setting.needed, defaultValue: value, placeholder: setting.default === null ? "" : String(setting.default),
    autoComplete: "off", "aria-describedby": about,
  } as const
  return (
    <div>
      <label>{title}
        {setting.form === "level" ? (
          <select name={name} aria-describedby={about}>
            {["", ...LEVELS].map((level) => <option key={level} value={level} selected={level === value}>{level || "any"}</option>)}
          </select>
        ) : numeric
          ? <input type="number" step={setting.form === "whole" ? 1 : "any"} {...bounds} {...common} />
          : <input type="text" {...common} spellcheck={false} />}
      </label>
      <span class="faint" id={about}>{setting.about}</span>
    </div>
  )
}
