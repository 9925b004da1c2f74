// A file from this desk to the hub, with how far it is: what fetch does not tell, the older way does.

import { apiUrl } from "./api.ts"
import { problemOf } from "./problems.ts"

/** POST (or PUT) a file, or a part of one, as it is; throws Problem. `tell` hears the share that has left, 0 to 1. */
export function upload<T>(path: string, file: Blob, kind: string, tell: (share: number) => void, method = "POST"): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open(method, apiUrl(path))
    request.setRequestHeader("Content-Type", kind)
    request.setRequestHeader("Accept", "application/json")
    request.upload.onprogress = (event) => { if (event.lengthComputable) tell(event.loaded / event.total) }
    const body = (): unknown => {
      try {
        return JSON.parse(request.responseText)
      } catch {
        return null
      }
    }
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(body() as T)
      else reject(problemOf(request.status, body()))
    }
    request.onerror = () => reject(problemOf(0, { title: "The hub does not answer", code: "unreachable" }))
    request.send(file)
  })
}
