// The box to type in: of the demo alone.

import { button, el } from "./draw.js";
import { placeName, state } from "./state.js";

const QUICK = ["👍", "❤️", "😂", "👀"];

// What may be done with a message.
export function tools(message) {
  if (!state.demo || message.deleted || !/^\d+$/.test(message.id)) return null;
  return el("div", { class: "tools" },
    ...QUICK.map((emoji) => button("react", `React with ${emoji}`, { "data-id": message.id, "data-emoji": emoji }, emoji)),
    button("reply", `Reply to ${message.name}`, { "data-id": message.id }, "↩"));
}

export function box(where) {
  const { people, note, direct } = state.demo;
  const own = direct[where.id] ? people.filter((one) => one.id === direct[where.id]) : people;
  const target = state.messages.get(state.replyTo);
  return el("form", { id: "say", "data-form": "say" },
    target ? el("p", { class: "replying" }, `Replying to ${target.name}`, button("unreply", "Do not reply", { class: "quiet" }, "✕")) : null,
    el("label", { class: "as" }, el("span", {}, "You speak as "), el("select", { name: "person", "aria-label": "You speak as" }, ...own.map((one) => el("option", { value: one.id }, one.name)))),
    el("textarea", { id: "text", name: "text", rows: 1, maxlength: 2000, "aria-label": `Message ${placeName(where)}`, placeholder: `Message ${placeName(where)}` }),
    el("button", { type: "submit", class: "main" }, "Send"),
    el("p", { class: "soft" }, note));
}
