// Mutes: the forms that set them, the list that ends them.

import { botName, canAct, place, placeName, state } from "./state.js";
import { button, clock, el, empty, heads } from "./draw.js";

const TIMES = [["15m", "15 minutes"], ["1h", "1 hour"], ["8h", "8 hours"], ["1d", "1 day"], ["", "until it is ended"]];

export const mutes = () => state.status?.mutes ?? [];
export const mutesOf = (id) => mutes().filter((one) => ["all", `channel:${id}`, `guild:${place(id)?.guild}`].includes(one.scope));
export const mutesOfBot = (key) => mutes().filter((one) => one.scope === "all" || one.scope === `bot:${key}` || one.scope.startsWith(`bot:${key}@`));

function options(pairs, chosen) {
  return pairs.map(([value, text]) => el("option", { value, selected: value === chosen }, text));
}

// `scope`: of what; with `where` a bot may be muted in one channel alone.
export function muteForm(scope, what, where = false) {
  const places = state.places.filter((one) => !one.direct).map((one) => [`@channel:${one.id}`, placeName(one)]);
  return el("form", { class: "mute", "data-form": "mute", "data-scope": scope, "aria-label": `Mute ${what}` },
    where ? el("label", {}, "where ", el("select", { name: "where" }, ...options([["", "everywhere"], ...places], ""))) : null,
    el("label", {}, "for ", el("select", { name: "for" }, ...options(TIMES, "1h"))),
    el("button", { type: "submit" }, `Mute ${what}`));
}

export function scopeName(scope) {
  const [whom, channel] = scope.split("@channel:");
  const [kind, id] = whom.split(":");
  const words = { all: "every bot, everywhere", bot: botName(id ?? ""), channel: placeName(place(id)), guild: `server ${id}` }[kind] ?? scope;
  return channel ? `${words} in ${placeName(place(channel))}` : words;
}

const until = (one) => (one.until === null ? "until it is ended" : `until ${clock(one.until * 1000)}`);

export function mutesView() {
  const found = mutes();
  return [
    el("header", { class: "bar-top" }, el("h1", {}, "Mutes")),
    el("div", { class: "scroll page" },
      canAct() ? el("section", { class: "stop" }, el("p", {}, "Stop everybody at once:"), muteForm("all", "every bot")) : null,
      found.length ? el("table", {}, heads("What is silent", "By", "Until", { hidden: "End it" }),
        el("tbody", {}, ...found.map((one) => el("tr", {}, el("td", {}, scopeName(one.scope)), el("td", {}, one.who), el("td", {}, until(one)),
          el("td", {}, canAct() ? button("unmute", `Unmute ${scopeName(one.scope)}`, { "data-scope": one.scope }, "Unmute") : null)))))
        : empty("Nothing is muted", "Each bot and each channel has a button that silences it, for a time or for good. Mutes by moderators in Discord stand here as well.")),
  ];
}
