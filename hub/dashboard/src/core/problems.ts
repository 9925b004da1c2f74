// What the hub says when something can't be done (RFC 9457), as an error that can be shown as it is.

export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly field: string
  readonly retry: number

  constructor(status: number, code: string, text: string, field = "", retry = 0) {
    super(text)
    this.status = status
    this.code = code
    this.field = field
    this.retry = retry
  }
}

type Document = { title?: string; detail?: string; code?: string; field?: string; retry?: number }

/** The problem that an answer tells, whatever its body is. */
export function problemOf(status: number, body: unknown): Problem {
  const told = (typeof body === "object" && body !== null ? body : {}) as Document
  const text = [told.title, told.detail].filter((part) => part).join(": ") || `the hub answered ${status}`
  return new Problem(status, told.code ?? "http", text, told.field ?? "", told.retry ?? 0)
}

/** What to show of anything that was thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
