-- Key names that scripts must build themselves, because they depend on what they read. tests/store/test_keys.py holds
-- each equal to app/keys.py.
local keys = {
  lock = function(lane) return 'lock:daily_life:' .. lane end,
  cooldown = function(bot) return 'bot:' .. bot .. ':last_autonomous_action' end,
  wake = function(lane) return 'wake:' .. lane end,
  inbox = function(bot) return 'mailbox:' .. bot .. ':inbox' end,
  work = function(bot) return 'mailbox:' .. bot .. ':work' end,
  outbox = function(bot, channel) return 'mailbox:' .. bot .. ':outbox:' .. channel end,
  entry = function(id) return 'entry:' .. id end,
  bids = function(message) return 'bids:' .. message end,
  event = function(message) return 'event:' .. message end,
  answer = function(message) return 'answer:' .. message end,
  seen = function(bot, subject) return 'seen:' .. bot .. ':' .. subject end,
  cause = function(message) return 'cause:' .. message end,
  cause_in_flight = function(bot, channel) return 'cause:' .. bot .. ':' .. channel end,
  cause_root = function(root) return 'cause:root:' .. root end,
  budget = function(scope, date) return 'budget:' .. scope .. ':' .. date end,
  delivery = function(bot, channel) return 'delivery:' .. bot .. ':' .. channel end,
  mute = function(scope) return 'mute:' .. scope end,
  mute_by_operator = function(scope) return 'mute:op:' .. scope end,
  refusals = function(bot, channel) return 'refusal:' .. bot .. ':' .. channel end,
  journal = function(message) return 'journal:' .. message end,
}
