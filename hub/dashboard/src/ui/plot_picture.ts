// A drawing as a file: with the page's colours written into it, for a file has no style sheet.

const SVG = "http://www.w3.org/2000/svg"
/** Pixels of a picture for one of the screen's. */
const SHARP = 2

export async function pictureFile(drawn: SVGSVGElement, kind: "svg" | "png"): Promise<Blob> {
  const { width, height } = drawn.getBoundingClientRect()
  const style = getComputedStyle(drawn)
  const copy = drawn.cloneNode(true) as SVGSVGElement
  copy.setAttribute("xmlns", SVG)
  copy.setAttribute("width", String(width))
  copy.setAttribute("height", String(height))
  copy.setAttribute("color", style.color)
  const ground = document.createElementNS(SVG, "rect")
  ground.setAttribute("width", "100%")
  ground.setAttribute("height", "100%")
  ground.setAttribute("fill", getComputedStyle(drawn.parentElement ?? drawn).backgroundColor)
  copy.prepend(ground)
  for (const each of copy.querySelectorAll("[fill^=var], [stroke^=var]")) {
    for (const name of ["fill", "stroke"]) if (each.getAttribute(name)?.startsWith("var")) each.setAttribute(name, name === "fill" ? ground.getAttribute("fill") ?? "none" : style.color)
  }
  const text = new XMLSerializer().serializeToString(copy)
  const blob = new Blob([text], { type: "image/svg+xml" })
  return kind === "svg" ? blob : drawnAsPng(blob, width, height)
}

async function drawnAsPng(picture: Blob, width: number, height: number): Promise<Blob> {
  const address = URL.createObjectURL(picture)
  try {
    const image = new Image()
    image.src = address
    await image.decode()
    const canvas = document.createElement("canvas")
    canvas.width = Math.round(width * SHARP)
    canvas.height = Math.round(height * SHARP)
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height)
    return await new Promise((resolve, reject) => {
      canvas.toBlob((made) => { if (made) resolve(made); else reject(new Error("the browser made no picture")) }, "image/png")
    })
  } finally {
    URL.revokeObjectURL(address)
  }
}
