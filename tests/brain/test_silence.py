"""Silence is known by its form, in any language, and is never posted as speech."""

from __future__ import annotations

import pytest

from app.brain.silence import is_ignorance, is_refusal, is_silence


@pytest.mark.parametrize(
    "draft",
    [
        "（保持静默）",
        "[沉默]",
        "*schweigt*",
        "(no responde)",
        "<silence>",
        "...",
        "—",
        "NO_REPLY",
        "…",
        "(...)",
        "[…]",
        "【沈黙】",
        "*reste silencieuse*",
        "_молчит_",
        "(молчит)",
        "[خاموش]",
        "「沈黙」",
        "*Schweigt.*",
        "<no_response/>",
        '"*schweigt*"',
        "（沉默）……",
        "-",
        "*...*",
        "**silence**",
        "[NO REPLY]",
        "(Stille)",
        "*schweigt* 🤐",
        "*bleibt still*\n\n(keine Antwort)",
        "[sessiz kalıyor]",
        "(아무 말도 하지 않는다)",
        "(não responde)",
        "*milczy*",
        "{no_reply}",
        "KEINE_ANTWORT",
        "___",
        "。。。",
    ],
)
def test_a_lone_direction_or_marker_is_silence(draft: str) -> None:
    """A draft of stage directions, markers, dots or dashes alone says nothing to
    anybody."""
    assert is_silence(draft)


@pytest.mark.parametrize(
    "draft",
    [
        "*smiles* Hello!",
        "（微笑）你好",
        "(waves) hi Sam",
        "?",
        "!",
        ":)",
        "(^_^)",
        "(・ω・)",
        "**Three.**",
        "*Never!*",
        "Three.",
        "<:blob:1234>",
        "🐙",
        "No.",
        "- one\n- two",
        "[link](https://x.y)",
        "5",
        "<https://a.b>",
        "*a* b *c*",
        "(╯°□°)╯",
        "Silence is golden, they say, and I agree.",
        "Hm...",
        "...and then?",
        "A_B",
        "「はい」",
        "^^",
        "（笑）そうだね",
        "<t:1700000000:R>",
    ],
)
def test_words_with_a_direction_are_speech(draft: str) -> None:
    """Short stage directions before words, faces, emphasis and signs are speech."""
    assert not is_silence(draft)


@pytest.mark.parametrize(
    "draft",
    [
        "I'm sorry, but I can't help with that.",
        "Es tut mir leid, aber dabei kann ich dir nicht helfen.",
        "Als KI habe ich keine Meinung.",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "En tant qu'IA, je n'ai pas d'avis.",
        "Lo siento, pero no puedo ayudar con eso.",
        "Como modelo de lenguaje, no opino.",
        "Desculpe, mas não posso ajudar com isso.",
        "Mi dispiace, ma non posso aiutarti.",
        "Het spijt me, maar ik kan je daar niet mee helpen.",
        "Przykro mi, ale nie mogę w tym pomóc.",
        "Извините, но я не могу помочь с этим.",
        "Как языковая модель, я не имею мнения.",
        "Üzgünüm, bu konuda yardımcı olamam.",
        "抱歉，我无法协助。",
        "作为一个人工智能，我没有观点。",
        "申し訳ありませんが、そのご要望にはお応えできません。お手伝いできません。",
        "죄송합니다. 그 요청은 도와드릴 수 없습니다.",
    ],
)
def test_stock_refusals_are_known_in_twelve_languages(draft: str) -> None:
    """What models say when they refuse is said by no character."""
    assert is_refusal(draft)


@pytest.mark.parametrize(
    "draft",
    [
        "Es tut mir leid, das mit deiner Katze.",
        "Lo siento mucho, Sam.",
        "Je suis désolé d'entendre ça.",
        "Извините, я опоздал.",
        "抱歉，我来晚了。",
        "Sorry, ik was even weg.",
        "Mi dispiace per il tuo gatto.",
        "すみません、遅れました。",
        "Als Kind mochte ich das.",
        "Como siempre, café.",
        "I'm sorry about your cat.",
    ],
)
def test_being_sorry_is_no_refusal(draft: str) -> None:
    """A person's bad day is answered as people do."""
    assert not is_refusal(draft)


@pytest.mark.parametrize(
    ("draft", "ignorant"),
    [
        ("I don't know, sorry.", True),
        ("Hm, no idea. Who here does?", True),
        ("I'm not sure about that one.", True),
        ("That's outside my waters.", True),
        ("Keine Ahnung, ehrlich gesagt.", True),
        ("Я не знаю.", True),
        ("わかりません。", True),
        ("Three hearts. I don't know why.", False),
        ("Nobody knows exactly, but about two years.", False),
        ("No ideas are bad ideas.", False),
        ("I don't know the brand, but " + "a steel frame lasts longer. " * 8, False),
    ],
)
def test_saying_that_one_does_not_know(draft: str, ignorant: bool) -> None:
    """A short draft that begins with not knowing is that; one that goes on to say
    something is an answer."""
    assert is_ignorance(draft) is ignorant
