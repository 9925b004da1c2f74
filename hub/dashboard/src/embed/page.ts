// The page for an iframe: one service's diagram, by the share that stands behind # in its address.

import { renderService, type State } from "./live.ts"
import { SIGNS } from "./steps.ts"

const WORDS: Record<State, string> = {
  connecting: "", live: "", lost: "The hub is out of reach; what you see is as it was.", refused: "This page needs a share that is valid: the one in its address is not.",
}

const [head, place, said] = ["head", "diagram", "said"].map((id) => document.getElementById(id))
if (head && place && said) {
  renderService(place, {
    hub: document.baseURI,
    share: location.hash.slice(1),
    onChange: (service, [cycle]) => {
      head.textContent = cycle ? `${service.title || service.name}: cycle ${cycle.number} ${SIGNS[cycle.state]} ${cycle.state}` : service.title || service.name
    },
    onState: (state) => { said.textContent = WORDS[state] },
  })
}
addEventListener("hashchange", () => location.reload())
