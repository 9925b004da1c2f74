// What a browser calls itself, as its owner would: to tell one's sign-ins apart. Pure.

/** The first that fits: those that also pass for another stand before it. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(e|A|iOS)?\//, "Edge"], [/\bOPR\//, "Opera"], [/\b(Firefox|FxiOS)\//, "Firefox"], [/\b(Chromium|Chrome|CriOS|HeadlessChrome)\//, "Chrome"], [/\bSafari\//, "Safari"],
]
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, "Android"], [/\b(iPhone|iPod)\b/, "iPhone"], [/\biPad\b/, "iPad"], [/\bWindows\b/, "Windows"], [/\bMac OS X\b/, "macOS"], [/\bCrOS\b/, "ChromeOS"], [/\bLinux\b/, "Linux"],
]

/** `Firefox on Linux`; `web page` for what is not known. */
export function browserName(agent: string): string {
  const [browser, system] = [BROWSERS, SYSTEMS].map((all) => all.find(([sign]) => sign.test(agent))?.[1])
  return browser ? browser + (system ? ` on ${system}` : "") : "web page"
}
