import { addressOf } from "../core/pages.ts"
import { Empty } from "../ui/notices.tsx"
import { useTitle } from "../ui/shell.tsx"

export function Nowhere() {
  useTitle("Nothing here")
  return <Empty><h1>There is nothing at this address</h1><p><a href={addressOf("/")}>Home</a></p></Empty>
}
