import { encode } from "uqr";
import { t } from "../i18n/texts";
import { svg } from "./dom";

/** Always dark on light: many readers do not support inverted codes. */
export function qrCode(text: string, label = t.qrLabel): SVGElement {
  const { data, size } = encode(text, { ecc: "M", border: 2 });
  const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return svg(
    "svg",
    { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label },
    svg("rect", { width: size, height: size, fill: "#fff" }),
    svg("path", { d: dark.join(""), fill: "#10201b", "shape-rendering": "crispEdges" }),
  );
}
