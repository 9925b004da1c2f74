import { render } from "preact"
import { App } from "./app.tsx"
import { followLinks } from "./core/router.ts"
import "./styles/base.css"
import "./styles/shell.css"
import "./styles/parts.css"

followLinks()
const root = document.getElementById("app")
if (root) {
  root.replaceChildren()
  render(<App />, root)
}
