// The hub's time, as far as this machine knows it: a browser's clock that is wrong must not move what the page shows.

const TRUSTED_MS = 2500

let ahead = 0

/** Learn from an answer's `Date`, which counts whole seconds: what may be rounding is no difference. */
export function learnTime(date: string | null): void {
  const told = date ? Date.parse(date) : NaN
  if (!Number.isNaN(told)) ahead = Math.abs(told - Date.now()) > TRUSTED_MS ? told - Date.now() : 0
}

/** Milliseconds since 1970, as the hub counts them. */
export function hubTime(): number {
  return Date.now() + ahead
}
