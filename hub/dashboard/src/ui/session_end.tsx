// End a terminal for everybody in it.

import { ask, part } from "../core/api.ts"
import { visible } from "../core/harmless.ts"
import { inIt, type Session } from "../core/sessions.ts"
import { confirmFirst, say } from "./dialogs.tsx"

export function endForAll(session: Session, done: () => void): void {
  confirmFirst(`End ${visible(session.title)}?`, <p>The terminal ends with all that runs in it{session.people.length ? `, for ${inIt(session.people)}` : ""}.</p>, "End it", async () => {
    await ask("POST", `sessions/${part(session.id)}/end`, { body: {} })
    say("The end was asked for")
    done()
  }, true)
}
