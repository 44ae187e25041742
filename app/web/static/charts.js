// Small charts as inline SVG. Each has a sentence that says the same to whoever cannot see it.

import { clock, dollars, el, seconds, svg } from "./draw.js";

const WIDE = 240;
const HIGH = 56;

function bars(values, from) {
  // Never 0: an hour without anything would divide by it.
  const most = Math.max(...values.map((value) => value ?? 0), 1e-9);
  const step = WIDE / values.length;
  return values.map((value, at) => {
    const tall = value === null ? 0 : Math.max(value > 0 ? 2 : 0, (value / most) * (HIGH - 6));
    return svg("rect", { x: (at * step + 1.5).toFixed(1), y: (HIGH - tall).toFixed(1), width: (step - 3).toFixed(1), height: tall.toFixed(1), rx: 2 },
      svg("title", {}, `${clock(from[at]).slice(0, 5)}: ${value === null ? "nothing" : Number(value.toPrecision(3))}`));
  });
}

function chart(title, value, note, marks, kind) {
  return el("figure", { class: `chart ${kind}` },
    el("figcaption", {}, el("span", { class: "soft" }, title), el("strong", {}, value)),
    svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `${title}: ${value}. ${note}` },
      svg("line", { x1: 0, x2: WIDE, y1: HIGH, y2: HIGH, class: "axis" }), ...marks),
    el("p", { class: "soft" }, note));
}

export function charts(figures) {
  if (!figures) return null;
  const from = figures.buckets.map((one) => one.from_ms);
  const of = (name) => figures.buckets.map((one) => one[name]);
  const calls = figures.calls_per_message;
  return el("div", { class: "charts" },
    chart("Time to the answer", figures.latency_ms === null ? "–" : seconds(figures.latency_ms), "median, from the message to the post", bars(of("latency_ms"), from), "latency"),
    chart("Model calls a message", calls === null ? "–" : calls.toFixed(2), "of all messages that moved a bot", bars(of("calls_per_message"), from), "calls"),
    chart("Pile-ons prevented", String(figures.prevented), "more bots wanted to answer than did", bars(of("prevented"), from), "prevented"),
    chart("Spent", dollars(figures.usd), "for answers, by the models' prices", bars(of("usd"), from), "usd"));
}

export function tiles(figures) {
  if (!figures) return null;
  const tile = (word, value, kind = "") => el("div", { class: kind }, el("dt", {}, word), el("dd", {}, String(value)));
  return el("dl", { class: "tiles" }, tile("messages", figures.messages), tile("answered", figures.answered),
    tile("median", figures.latency_ms === null ? "–" : seconds(figures.latency_ms)),
    tile("pile-ons", figures.pile_ons, figures.pile_ons ? "bad" : "good"), tile("prevented", figures.prevented));
}
