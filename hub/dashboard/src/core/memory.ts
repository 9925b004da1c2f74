// What this browser remembers of how somebody likes to look at things. One that may keep nothing just forgets.

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value)
  } catch {
    // private windows may keep nothing
  }
}
