// When which canvas draws: on animation frames, a few milliseconds of each, so that typing and scrolling go on while many
// canvases have news. A canvas that has had its turn comes last the next time; one that has fresher news meanwhile draws those.

const FRAME_MS = 12

type Turn = () => Promise<void>

const waiting = new Map<object, Turn>()
let running = false

/** Let `who` draw when its turn comes; a later call of the same takes the place of an earlier one. */
export function drawSoon(who: object, turn: Turn): void {
  waiting.set(who, turn)
  if (!running) {
    running = true
    requestAnimationFrame(() => void frame())
  }
}

export function drawNoMore(who: object): void {
  waiting.delete(who)
}

async function frame(): Promise<void> {
  const began = performance.now()
  for (const [who, turn] of waiting) {
    waiting.delete(who)
    try {
      await turn()
    } catch (error) {
      // one that can't be drawn keeps nobody else from it
      console.warn("a canvas could not be drawn:", error)
    }
    if (performance.now() - began > FRAME_MS) break
  }
  running = waiting.size > 0
  if (running) requestAnimationFrame(() => void frame())
}
