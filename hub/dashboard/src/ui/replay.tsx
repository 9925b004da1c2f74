// A recording of a terminal, played: any speed, to any moment. At first its last picture is shown, which tells how it ended.

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { type CastReader, playClock, Player, playTimes, sizeOf } from "../core/cast.ts"
import { type Loaded, loadCast, MOST_PLAYED, recordingAddress } from "../core/cast_load.ts"
import { bytes } from "../core/format.ts"
import { useKeys } from "../core/keys.ts"
import { textOf } from "../core/problems.ts"
import { ErrorBox } from "./notices.tsx"
import { Screen } from "./xterm.ts"
import "../styles/terminal.css"

/** Seconds that a pause lasts at most, where pauses are cut short. */
const PAUSE = 2
const SPEEDS = [0.5, 1, 2, 4, 8, 16]
const STEP = 5
/** Characters that are drawn before the page gets a breath. */
const BREATH = 256 * 1024

export function Replay(props: { id: string; label: string; size: number }) {
  const loaded = useSignal<Loaded | null>(null)
  const come = useSignal(0)
  const fault = useSignal("")
  const turn = useSignal(0)
  useEffect(() => {
    const stop = new AbortController()
    fault.value = ""
    loadCast(props.id, (size) => { come.value = size }, stop.signal).then(
      (found) => { loaded.value = found },
      (error: unknown) => { if (!stop.signal.aborted) fault.value = textOf(error) })
    return () => stop.abort()
  }, [turn.value])
  if (fault.value) return <ErrorBox text={`The recording could not be read: ${fault.value}`} again={() => { turn.value++ }} />
  if (!loaded.value) return <p class="waiting" role="status">Loading the recording ... {props.size > 0 && <progress max={props.size} value={come.value} aria-label="Loaded" />}</p>
  const { cast, cut } = loaded.value
  return (
    <>
      {cut && <p class="session-standing warn" role="status">Only the first {bytes(MOST_PLAYED)} are played here. Download it, or: <code>hubctl sessions replay {props.id}</code></p>}
      {cast.fault && <p class="session-standing warn" role="alert">The recording can&apos;t be played{cast.events.length ? " to its end" : ""}: {cast.fault}.</p>}
      {cast.events.length > 0 && <Playing cast={cast} id={props.id} label={props.label} />}
    </>
  )
}

const seconds = () => performance.now() / 1000

function Playing(props: { cast: CastReader; id: string; label: string }) {
  const { cast } = props
  const box = useRef<HTMLDivElement>(null)
  const stage = useRef<Stage | null>(null)
  const playing = useSignal(false)
  const position = useSignal(0)
  const length = useSignal(0)
  const speed = useSignal(1)
  const short = useSignal(true)

  useEffect(() => {
    const place = box.current
    if (!place) return
    const made = new Stage(place, cast, props.label, (player) => {
      position.value = player.position(seconds())
      playing.value = player.playing
      length.value = player.length
    })
    stage.current = made
    const watch = new ResizeObserver(() => made.screen.shrink())
    watch.observe(place)
    made.seek(Infinity)
    return () => {
      watch.disconnect()
      made.close()
      stage.current = null
    }
  }, [])
  const flip = () => stage.current?.flip()
  const move = (by: number) => stage.current?.seek(position.peek() + by)
  useKeys([
    { key: " ", does: "play or pause", action: flip },
    { key: "ArrowLeft", does: `${STEP} seconds back`, action: () => move(-STEP) },
    { key: "ArrowRight", does: `${STEP} seconds on`, action: () => move(STEP) },
  ])
  return (
    <div class="session-live">
      <div class="replay-bar" role="toolbar" aria-label="Replay">
        <button type="button" class="primary" onClick={flip}>{playing.value ? "Pause" : "Play"}</button>
        <input
          type="range" aria-label="Position" min={0} max={length.value} step="any" value={position.value}
          aria-valuetext={`${playClock(position.value)} of ${playClock(length.value)}`} onInput={(event) => stage.current?.seek(event.currentTarget.valueAsNumber)}
        />
        <span class="clock">{playClock(position.value)} / {playClock(length.value)}</span>
        <select aria-label="Speed" value={speed.value} onChange={(event) => { speed.value = Number(event.currentTarget.value); stage.current?.hurry(speed.value) }}>
          {SPEEDS.map((each) => <option key={each} value={each}>{each} x</option>)}
        </select>
        <label class="check"><input type="checkbox" checked={short.value} onChange={(event) => { short.value = event.currentTarget.checked; stage.current?.pauses(short.value) }} /> cut pauses short</label>
        <a class="button" href={recordingAddress(props.id)} download={`dvic-${props.id}.cast`}>Download</a>
      </div>
      <div class="terminal-box" ref={box} role="group" aria-label={`${props.label}, recorded`} />
    </div>
  )
}

/** The screen and the player, kept together: draws what is due, frame by frame, never more than the screen takes. */
class Stage {
  readonly screen: Screen
  readonly player: Player
  readonly #cast: CastReader
  readonly #tell: (player: Player) => void
  #frame = 0
  #shown = 0
  #wanted = 0
  #drawing = false
  #closed = false

  constructor(box: HTMLElement, cast: CastReader, label: string, tell: (player: Player) => void) {
    this.#cast = cast
    this.#tell = tell
    this.player = new Player(playTimes(cast.events, PAUSE))
    this.screen = new Screen(box, cast.size, { label, keyboard: false, answering: () => false })
    this.screen.shrink()
  }

  close(): void {
    this.#closed = true
    cancelAnimationFrame(this.#frame)
    this.screen.dispose()
  }

  flip(): void {
    const now = seconds()
    if (this.player.playing) this.player.pause(now)
    else {
      if (this.player.position(now) >= this.player.length) this.player.seek(0, now)
      this.player.play(now)
    }
    this.#follow()
  }

  hurry(speed: number): void {
    this.player.setSpeed(speed, seconds())
  }

  pauses(short: boolean): void {
    this.player.retime(playTimes(this.#cast.events, short ? PAUSE : Infinity), seconds())
    this.#follow()
  }

  seek(position: number): void {
    this.player.seek(position, seconds())
    this.#follow()
  }

  /** Show what is to be seen now, and again at the next frame while it plays. */
  #follow(): void {
    cancelAnimationFrame(this.#frame)
    const now = seconds()
    this.#wanted = this.player.until(now)
    if (!this.#drawing) void this.#draw()
    if (this.player.playing && this.player.position(now) >= this.player.length) this.player.pause(now)
    this.#tell(this.player)
    if (this.player.playing) this.#frame = requestAnimationFrame(() => this.#follow())
  }

  /** Go on until the events that are wanted are shown; backwards by way of an empty screen. */
  async #draw(): Promise<void> {
    this.#drawing = true
    while (this.#shown !== this.#wanted) {
      if (this.#shown > this.#wanted) {
        this.screen.terminal.reset()
        this.screen.terminal.resize(...this.#cast.size)
        this.#shown = 0
      }
      let text = ""
      let size: [number, number] | null = null
      while (this.#shown < this.#wanted && text.length < BREATH && !size) {
        const event = this.#cast.events[this.#shown++]
        if (event?.kind === "o") text += event.data
        else if (event) size = sizeOf(event.data)
      }
      await new Promise<void>((drawn) => this.screen.write(text, drawn))
      if (this.#closed) return
      if (!size) continue
      this.screen.terminal.resize(...size)
      this.screen.shrink()
    }
    this.#drawing = false
  }
}
