// Recordings of terminals (asciicast v2), read as they come and played by the clock. Pure: the time is given.
// https://docs.asciinema.org/manual/asciicast/v2/

/** `at`: seconds since the beginning; `o` shows `data`, `r` is a new size, COLSxROWS. */
export type CastEvent = { at: number; kind: "o" | "r"; data: string }

const SIZE = /^([1-9][0-9]{0,3})x([1-9][0-9]{0,3})$/
const MOST_SIDE = 1000

/** Columns and rows of an event of the kind r, null where it names none. */
export function sizeOf(data: string): [number, number] | null {
  const found = SIZE.exec(data)
  const size: [number, number] = [Number(found?.[1]), Number(found?.[2])]
  return found && size.every((side) => side <= MOST_SIDE) ? size : null
}

/** Takes a recording in pieces of text, cut anywhere. */
export class CastReader {
  size: [number, number] = [80, 24]
  readonly events: CastEvent[] = []
  /** Why no more of it can be read, "" while it can. */
  fault = ""
  #rest = ""
  #begun = false

  add(text: string): void {
    const lines = (this.#rest + text).split("\n")
    this.#rest = lines.pop() ?? ""
    for (const line of lines) this.#line(line)
  }

  /** Nothing more comes. A line that is cut short, as in a recording that goes on, is left out. */
  end(): void {
    if (!this.#begun && !this.fault) this.#line(this.#rest)
    this.#rest = ""
  }

  #line(line: string): void {
    if (this.fault || (this.#begun && !line.trim())) return
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      this.fault = "a line of it is damaged"
      return
    }
    if (this.#begun) this.#event(value)
    else this.#header(value)
  }

  #header(value: unknown): void {
    const { version, width, height } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>
    const size = sizeOf(`${String(width)}x${String(height)}`)
    if (version !== 2 || !size) this.fault = "it is no asciicast of version 2"
    else this.size = size
    this.#begun = true
  }

  #event(value: unknown): void {
    const [at, kind, data] = Array.isArray(value) ? (value as unknown[]) : []
    if (typeof at !== "number" || !(at >= 0) || typeof kind !== "string" || typeof data !== "string") this.fault = "an event of it is damaged"
    else if (kind === "o" || kind === "r") this.events.push({ at, kind, data })
  }
}

/** When each event is shown, in seconds of playing: no pause is longer than `pause`, and time never goes back. */
export function playTimes(events: readonly CastEvent[], pause: number): Float64Array {
  const times = new Float64Array(events.length)
  let now = 0
  let before = 0
  events.forEach((event, at) => {
    now += Math.min(Math.max(0, event.at - before), pause)
    before = Math.max(before, event.at)
    times[at] = now
  })
  return times
}

/** Where in a recording one is, by the clock. `now` is in seconds of any clock. */
export class Player {
  playing = false
  #times: Float64Array
  #position = 0
  #since = 0
  #speed = 1

  constructor(times: Float64Array) {
    this.#times = times
  }

  get length(): number {
    return this.#times.at(-1) ?? 0
  }

  position(now: number): number {
    return this.playing ? Math.min(this.length, this.#position + (now - this.#since) * this.#speed) : this.#position
  }

  /** How many events are to be seen now. */
  until(now: number): number {
    return countUntil(this.#times, this.position(now))
  }

  play(now: number): void {
    this.#from(this.position(now), now)
    this.playing = true
  }

  pause(now: number): void {
    this.#from(this.position(now), now)
    this.playing = false
  }

  setSpeed(speed: number, now: number): void {
    this.#from(this.position(now), now)
    this.#speed = speed
  }

  seek(position: number, now: number): void {
    this.#from(Math.max(0, Math.min(position, this.length)), now)
  }

  /** The same events by other times, with longer or shorter pauses: what is seen stays. */
  retime(times: Float64Array, now: number): void {
    const seen = this.until(now)
    this.#times = times
    this.#from(seen ? (times[seen - 1] ?? 0) : 0, now)
  }

  #from(position: number, now: number): void {
    this.#position = position
    this.#since = now
  }
}

/** How many of these rising times are not after `time`. */
function countUntil(times: Float64Array, time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) <= time) low = middle + 1
    else high = middle
  }
  return low
}

/** `1:02:03`, `2:03`. */
export function playClock(seconds: number): string {
  const whole = Math.floor(seconds)
  const two = (value: number) => String(value).padStart(2, "0")
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`
}
