// How a diagram looks. A sheet of its own, made by script: so it is the same on the hub's page and on others' (whose policy may
// forbid styles in the document), and theirs can set the colours: `.dvic-diagram { --dvic-ok: green }`.

const COLOURS: Record<string, string> = {
  idle: "light-dark(#5a6572, #99a4b2)", waiting: "light-dark(#5a6572, #b4bdc9)", running: "light-dark(#0b5bd3, #6ea8ff)",
  ok: "light-dark(#14753a, #4cc47c)", warning: "light-dark(#8a5800, #e5ae45)", error: "light-dark(#b42318, #ff7b72)",
  overdue: "light-dark(#9a3412, #fb923c)", skipped: "light-dark(#5a6572, #99a4b2)", off: "light-dark(#5a6572, #99a4b2)",
}

const states = Object.entries(COLOURS).map(([state, colour]) => `.dvic-${state} { --dvic-colour: var(--dvic-${state}, ${colour}); }`).join("\n")

const STYLE = `
.dvic-diagram { display: block; max-width: none; font: 12px/1.3 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.dvic-diagram text { fill: var(--dvic-text, light-dark(#1b2129, #e4e8ee)); }
.dvic-diagram .dvic-frame { fill: none; stroke: var(--dvic-line, light-dark(#c3cad2, #3a4553)); stroke-dasharray: 3 3; }
.dvic-diagram .dvic-title { font-weight: 600; }
.dvic-diagram .dvic-arrow { fill: none; stroke: var(--dvic-line, light-dark(#8a949f, #5b6776)); stroke-width: 1.5; stroke-linejoin: round; }
.dvic-diagram .dvic-head { fill: var(--dvic-line, light-dark(#8a949f, #5b6776)); }
${states}
.dvic-step .dvic-box { fill: var(--dvic-sheet, light-dark(#ffffff, #171c23)); stroke: var(--dvic-colour); stroke-width: 1.5; transition: stroke .15s; }
.dvic-step .dvic-bar { fill: var(--dvic-colour); transition: fill .15s; }
.dvic-step .dvic-sign { font-weight: 700; fill: var(--dvic-on, light-dark(#ffffff, #10151b)); text-anchor: middle; }
.dvic-step .dvic-name { font-weight: 600; }
.dvic-step .dvic-about { fill: var(--dvic-colour); font-variant-numeric: tabular-nums; }
.dvic-step.dvic-idle .dvic-box, .dvic-step.dvic-skipped .dvic-box, .dvic-step.dvic-off .dvic-box { stroke-dasharray: 4 3; }
.dvic-step.dvic-error .dvic-box, .dvic-step.dvic-overdue .dvic-box { stroke-width: 2.5; }
.dvic-step[role=button] { cursor: pointer; }
.dvic-step[role=button]:hover .dvic-box { stroke-width: 3; }
.dvic-step:focus { outline: none; }
.dvic-step:focus-visible .dvic-box { stroke: var(--dvic-text, light-dark(#1b2129, #e4e8ee)); stroke-width: 3; stroke-dasharray: none; }
@media (prefers-reduced-motion: reduce) { .dvic-diagram * { transition: none !important; } }
`

let worn = false

/** Once a document. */
export function wearStyle(): void {
  if (worn) return
  worn = true
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(STYLE)
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
}
