"""Drafts that say nothing: an announced silence, known by its form in any language, and
a stock refusal."""

from __future__ import annotations

import re

_ANNOUNCED = re.compile(
    r"(?:no[_ ]?reply|observe|silent|silence|\(?(?:stays?|remains?|keeps?|says?) (?:silent|quiet|nothing)\)?|"
    r"i(?:['’]m| am|['’]ll| will| choose to| shall| should| have decided to| decide to)? "
    r"(?:be|stay|staying|remain|remaining|keep|keeping) (?:silent|quiet)\b.*|"
    r".{1,32} (?:stays|remains|keeps) (?:silent|quiet)|"
    r"i (?:will|am going to|have decided|choose) (?:not (?:to )?|to not )(?:respond|reply|answer)\b.*|"
    r"(?:i(?:['’]m| am) not (?:going to )?(?:respond|reply|answer)(?:ing)?\b.*)|"
    r"(?:no (?:response|reply|answer) (?:is )?(?:needed|required|necessary)\b.*))",
    re.IGNORECASE | re.DOTALL,
)
_WORDS = r"(?=[^()（）\[\]［］【】]{0,120}[^\W\d_]{2})"
"""A stage direction holds words; a face such as (^_^) does not."""
_DIRECTION = re.compile(
    rf"\({_WORDS}[^()]{{2,120}}\)|（{_WORDS}[^（）]{{2,120}}）|\[{_WORDS}[^\[\]]{{2,120}}\](?!\()|［{_WORDS}[^［］]{{2,120}}］"
    rf"|【{_WORDS}[^【】]{{2,120}}】|〔{_WORDS}[^〔〕]{{2,120}}〕|「(?:沉默|沈黙|無言|无言)」"
    r"|(?<!\*)\*(?=[^*]*[^\W\d_]{2})[^*\n]{2,120}(?<![!?！？])\*(?!\*)"
    r"|(?<!_)_(?=[^_]*[^\W\d_]{2})[^_\n]{2,120}(?<![!?！？])_(?!_)"
    r"|</?(?=[^<>]*[^\W\d_]{2})(?!https?:|t:)[\w /-]{2,60}>|\{(?=[^{}]*[^\W\d_]{2})[\w ]{2,60}\}"
    r"|[A-Z]{2,16}(?:_[A-Z]{2,16}){1,4}|[(*\[（［【][\s.…。・—–-]*[)*\]）］】]"
    r"|[.…。・·‥]+|[-–—―─]{1,8}|[🤐🤫😶]\ufe0f?|\s+"
)
"""One piece of a draft without words to anybody: a lone stage direction, a marker, dots
or a dash."""
_QUOTES = "\"'“”„‚‘’«»`\u200b "

_REFUSAL = re.compile(
    r"^(?:\s*<(?:!doctype|\?xml|html|head|body)\b|"
    r"\W*(?:(?:i['’]?m|i am) (?:very |so |really )?sorry,?(?: but)? (?:i|as an)\b.{0,20}"
    r"(?:can['’]?t|cannot|can not|unable|ai)\b|"
    r"i (?:can['’]?t|cannot) (?:assist|help (?:you )?with|comply|fulfil|provide|continue|engage)|"
    r"as an? (?:ai|artificial|large)(?: intelligence)?(?: language)? model|(?:error|traceback|exception)\b.{0,40}:))",
    re.IGNORECASE,
)
_REFUSAL_ABROAD = re.compile(
    r"^\W*(?:(?:es )?tut mir (?:sehr )?leid,?.{0,30}\b(?:kann|darf) (?:ich )?.{0,60}\bnicht\b.{0,40}"
    r"(?:helfen|beantworten|unterstützen|erfüllen|fortfahren)"
    r"|als (?:ki|künstliche intelligenz|(?:großes )?sprachmodell)\b"
    r"|(?:je suis )?(?:vraiment )?désolée?,?.{0,10}\bje ne (?:peux|suis) pas .{0,20}(?:aider|répondre|assister|continuer|fournir)"
    r"|en tant qu['’](?:ia\b|intelligence artificielle|assistant)"
    r"|lo siento,?.{0,10}\bno puedo (?:ayudar|responder|asistir|continuar|proporcionar|cumplir)"
    r"|como (?:una? )?(?:ia\b|inteligencia artificial|inteligência artificial|modelo de (?:lenguaje|linguagem))"
    r"|(?:sinto muito|desculpe|lamento),?.{0,10}\bnão posso (?:ajudar|responder|continuar|fornecer|atender)"
    r"|mi dispiace,?.{0,10}\bnon posso (?:aiutar|rispondere|assister|continuare|fornire)"
    r"|(?:het spijt me|sorry),?.{0,10}\bik kan .{0,40}niet .{0,20}(?:helpen|beantwoorden|voldoen)"
    r"|(?:przykro mi|przepraszam),?.{0,10}\bnie mogę .{0,20}(?:pomóc|odpowiedzieć|kontynuować)"
    r"|(?:к сожалению|извините|простите),?.{0,10}\bя не могу .{0,20}(?:помочь|ответить|выполнить|продолжить)"
    r"|как (?:ии\b|искусственный интеллект|языковая модель)"
    r"|üzgünüm,?.{0,40}(?:yardımcı olamam|yanıtlayamam|yardım edemem)"
    r"|(?:很)?(?:抱歉|对不起|對不起)[，,]?\s?我(?:无法|無法|不能).{0,20}(?:帮|幫|协助|協助|提供|回答|满足|滿足)"
    r"|作为(?:一个|一名)?(?:ai|人工智能|大?语言模型)"
    r"|(?:申し訳(?:ありません|ございません)|すみません)(?:が)?[、,].{0,40}(?:お手伝い|お答え|対応|提供).{0,10}(?:できません|できかねます)"
    r"|죄송합니다[.,]?.{0,40}(?:도와드릴 수 없|답변할 수 없|제공할 수 없|도와 드릴 수 없))",
    re.IGNORECASE | re.DOTALL,
)

_IGNORANCE = re.compile(
    r"^\W*(?:(?:hm+|ah|oh|well|sorry|honestly|hey)\W+){0,2}(?:"
    r"(?:i(?:['’]m| am) (?:afraid|sorry),? )?(?:but )?i (?:really |honestly )?(?:do not|don['’]?t|wouldn['’]?t)"
    r" (?:know|have (?:a |any )?(?:clue|idea))\b"
    r"|(?:i have )?no (?:idea|clue)\b|(?:i(?:['’]m| am)|that(?:['’]s| is)) not (?:sure|my (?:area|field|subject|department|thing)\b)"
    r"|(?:that(?:['’]s| is)|this is) (?:beyond|outside|above) (?:me|my)\b|beats me\b"
    r"|keine ahnung\b|(?:das )?wei(?:ß|ss) ich (?:leider )?nicht\b|ich wei(?:ß|ss) (?:es |das )?(?:leider )?nicht\b"
    r"|no (?:lo )?sé\b|ni idea\b|je ne sais pas\b|aucune idée\b|não (?:sei|faço ideia)\b|non (?:lo )?so\b"
    r"|(?:я )?не знаю\b|понятия не имею\b|bilmiyorum\b|わかりません|分かりません|知りません|我不知道|不知道"
    r")",
    re.IGNORECASE,
)
"""A draft that begins by saying that its author does not know."""
SHORT = 160


def is_ignorance(text: str) -> bool:
    """Whether a draft says little more than that its author does not know: nobody needs
    that of a bot who was not asked."""
    bare = text.strip()
    return len(bare) <= SHORT and _IGNORANCE.match(bare) is not None


def is_silence(text: str) -> bool:
    """Whether a draft only announces that nothing will be said; such a draft is an
    `observe`."""
    bare = text.strip().strip("*_.[]()<>\"' \n")
    return (
        not bare
        or (len(bare) <= 200 and _ANNOUNCED.fullmatch(bare) is not None)
        or _is_direction(text)
    )


def is_refusal(text: str) -> bool:
    """Whether a draft is a model's stock refusal or an error text, which no character
    would say."""
    return (
        _REFUSAL.match(text[:300]) is not None
        or _REFUSAL_ABROAD.match(text[:300]) is not None
    )


def _is_direction(text: str) -> bool:
    """Whether a draft consists of stage directions and markers alone, in whatever
    language."""
    rest = text.strip().strip(_QUOTES)
    if not 0 < len(rest) <= 200:
        return False
    place = 0
    while place < len(rest):
        piece = _DIRECTION.match(rest, place)
        if piece is None:
            return False
        place = piece.end()
    return True
