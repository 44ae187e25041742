// A channel as Discord draws it, with the decision under each message.

import { avatar, button, clock, el, empty, named, plain, spoken } from "./draw.js";
import { legend, verdict } from "./decisions.js";
import { box, tools } from "./box.js";
import { botName, called, canAct, inPlace, place, placeName, state } from "./state.js";
import { muteForm, mutesOf } from "./mutes.js";

const GROUP_MS = 5 * 60 * 1000;

const key = (message) => message.bot || message.author || message.name;

function quote(message) {
  const target = state.messages.get(message.reply_to);
  if (!target) return el("div", { class: "quote" }, el("span", { class: "what" }, "an earlier message"));
  return el("button", { type: "button", class: "quote", "data-act": "show", "data-id": target.id },
    el("span", { class: "hidden" }, "In reply to "), avatar(key(target), target.name, "tiny"), named(key(target), target.name),
    el("span", { class: "what" }, target.text === null ? "…" : plain(target.text, called)));
}

function words(message) {
  if (message.deleted) return el("div", { class: "text soft" }, "This message was deleted.");
  if (message.text === null) return el("div", { class: "text soft" }, "Its text is not kept any more.");
  return el("div", { class: "text" }, ...spoken(message.text, called), message.edited ? el("span", { class: "soft" }, " (edited)") : null);
}

function reactions(message) {
  if (!message.reactions.length) return null;
  const by = new Map();
  for (const [emoji, who] of message.reactions) by.set(emoji, [...(by.get(emoji) ?? []), botName(who)]);
  return el("ul", { class: "reactions", "aria-label": "Reactions" }, ...[...by].map(([emoji, names]) =>
    el("li", { title: names.join(", ") }, `${emoji} ${names.length}`, el("span", { class: "hidden" }, ` by ${names.join(", ")}`))));
}

function row(message, before) {
  // As Discord draws it: what one says within minutes stands under one name.
  const follows = before && key(before) === key(message) && !message.reply_to && message.at_ms - before.at_ms < GROUP_MS && !before.story;
  const states = { waits: "on its way to Discord", dead: "could not be sent", unsaid: "dry run: not sent" };
  return el("li", { id: `m${message.id}`, class: `message ${follows ? "follows" : ""} ${state.chosen === message.id ? "chosen" : ""} ${message.state}` },
    message.reply_to ? quote(message) : null,
    avatar(key(message), message.name),
    el("div", { class: "head" }, named(key(message), message.name), message.bot ? el("span", { class: "badge" }, "BOT") : null,
      el("time", { datetime: new Date(message.at_ms).toISOString() }, clock(message.at_ms)),
      message.thread ? el("span", { class: "soft" }, ` in the thread ${message.thread}`) : null,
      states[message.state] ? el("span", { class: `mark ${message.state}` }, states[message.state]) : null),
    words(message), reactions(message), verdict(message), tools(message));
}

function writing(id) {
  const names = inPlace(id).slice(-5).flatMap((one) => (one.story?.rows ?? []).filter((each) => each.stand === "writes").map((each) => botName(each.bot)));
  const who = [...new Set(names)];
  return el("p", { class: "writing", role: "status" }, who.length ? [el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
    `${who.join(" and ")} ${who.length > 1 ? "are" : "is"} writing …`] : "");
}

export function talkView() {
  const where = place(state.place);
  if (!where) {
    const text = "Once a gateway runs and sees a channel, it stands on the left, and whatever moves a bot appears here with who bid and who spoke.";
    return [empty(state.loaded ? "No channel yet" : "Loading …", state.loaded ? text : "")];
  }
  const messages = inPlace(where.id);
  const muted = mutesOf(where.id);
  const none = where.direct ? "What is said in private appears here."
    : "Messages that move a bot will appear here, each with who bid, who won and who kept silent. What moves nobody is not kept.";
  return [
    el("header", { class: "bar-top" }, el("h1", {}, placeName(where)), el("span", { class: "topic soft" }, where.topic),
      muted.length ? el("span", { class: "mark dead" }, "muted") : null,
      canAct() ? el("details", { class: "drop", id: `mute-${where.id}` }, el("summary", {}, "Mute"), muteForm(`channel:${where.id}`, `all bots in ${placeName(where)}`)) : null),
    el("div", { class: "scroll", id: `in${where.id}`, tabindex: "0", role: "log", "aria-label": `Messages in ${placeName(where)}` },
      messages.length ? el("ol", { class: "messages" }, ...messages.map((one, at) => row(one, messages[at - 1]))) : empty(`Nothing in ${placeName(where)} yet`, none)),
    el("footer", { class: "under" }, writing(where.id), state.demo ? box(where) : legend()),
  ];
}

