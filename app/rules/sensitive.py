"""Matters of which no fact is remembered: the same for the rules and for a
model's answers."""

from __future__ import annotations

import re
from typing import Final


def _word_pattern(text: str) -> str:
    """Words as alternatives; `*` stands for any ending."""
    return "|".join(
        re.escape(word).replace(r"\*", r"\w*").replace("_", r"[\s-]+")
        for word in text.split()
    )


_WORDS: Final = {
    "religion": """
        god gods jesus christ allah christian* christianity muslim* islam* jew jews jewish judaism hindu* buddhis* sikh*
        catholic* protestant* orthodox lutheran* baptist* evangelical* mormon* quaker* jehovah* atheis* agnostic* pagan*
        wicca* satanis* scientolog* religio* faith church* mosque* synagogue* temple* pray* bible koran quran torah
        priest imam rabbi pastor nun monk sabbath ramadan halal kosher baptised baptized convert* christ* kirche moschee
        glaube* gläubig* église mosquée croyant* iglesia mezquita creyente*""",
    "health": """
        sick sickness ill illness* disease* diabet* cancer* tumor* tumour* leukemi* hiv aids std asthma* epilep* stroke
        migraine* autis* asperger* adhd add ocd ptsd bipolar schizo* depress* anxiety anxious suicid* self_harm anorexi*
        bulimi* eating_disorder dyslexi* dementia alzheimer* parkinson* arthritis allerg* disab* wheelchair blind deaf
        paraly* amput* prosthe* pregnan* miscarr* abortion* infertil* ivf menopaus* surgery operation therap* psychiatr*
        psycholog* medicat* medicine pills antidepress* insulin chemo* dialysis transplant* addict* alcoholi* rehab sober
        drug drugs overdos* hospital* diagnos* disorder* syndrome condition handicap* fibromyalgia lupus hepatitis
        covid krank* krebs depressi* schwanger* behindert* malad* enceint* handicapé* enferm* embarazada discapac*""",
    "sexuality": """
        gay lesbian* bisexual* pansexual* asexual* homosexual* heterosexual* straight queer lgbt* trans transgender*
        transsexual* transition* nonbinary non-binary enby genderfluid cisgender intersex closeted sex sexual* sexy kink*
        fetish* bdsm polyamor* porn* virgin* escort* prostitut* onlyfans schwul* lesbisch* sexuell* homosexuel*""",
    "politics": """
        politic* republican* democrat* conservative* liberal* libertarian* socialis* communis* marxis* anarchis* fascis*
        nazi* leftist* left-wing right-wing far-right far-left labour tory tories maga trump* biden* brexit* vote* voting
        voted union_member trade_union unionis* abolition* feminis* activist* protest* antifa zionis* nationalist* afd
        cdu spd partei* politik* gewerkschaft* wähl* électeur* socialiste* partido""",
    "money": """
        salar* wage* income earn* paid debt* loan* mortgage* owe owes owing broke bankrupt* poor rich wealth* millionaire*
        savings rent welfare unemploy* benefits inheritance invest* stocks shares crypto* bitcoin* ethereum paypal iban
        bank_account account_number credit credit_card debit card tax taxes money cash dollar* euro euros pounds gehalt schulden
        kredit* arbeitslos* geld salaire* dette* chômage sueldo* deuda* dinero""",
    "secret": """
        password* passwort* passphrase pin pincode passcode token api_key secret* social_security ssn passport licence
        license login* contraseña* mot_de_passe""",
    "address": """
        address* adresse* zip_code zipcode postcode postal phone telephone whatsapp e-mail email""",
}
_MATTERS: Final = tuple(
    (matter, re.compile(rf"(?<!\w)(?:{_word_pattern(words)})(?!\w)", re.IGNORECASE))
    for matter, words in _WORDS.items()
)

_ROADS = (
    "street st road rd avenue ave lane ln drive dr boulevard blvd court ct square sq terrace close crescent way place row"
    " mews parkway highway hwy flat apt apartment suite unit floor house building block"
)
_STREETS = (
    r"\w*(?:straße|strasse|str\.|gasse|weg|platz|allee|gate|gata|vei|veien|vägen|gatan|straat|laan|plein)"
    r"|rue|calle|via|viale|piazza|ulica|ul\.|avenida|rua|plaza|chemin|impasse"
)
_ADDRESSES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b\d+\s?[a-z]?\b[\w\s.,'’-]{{0,30}}\b(?:{_word_pattern(_ROADS)})\b",  # 221b Baker Street
        rf"\b(?:{_word_pattern(_ROADS)})\b[\s.,#-]*(?:no\.?\s*)?\d+",  # flat 3
        rf"(?<!\w)(?:{_STREETS})(?!\w)[\s\w.'’-]{{0,30}}\d+",  # Hauptstraße 5
        r"\b(?:street|road|avenue|boulevard|lane)\b",
        r"\b(?:lives?|living|resides?)\b.*\d",  # any number of a house
        r"\b\d{4,}[\s-]?\d*\b.*\b[A-Z]",  # a postcode before a town
        r"[\w.+-]+@[\w-]+\.\w|\+?\d[\d\s().-]{6,}\d",  # mail and telephone
    )
)
_SUMS: Final = re.compile(
    r"[$€£¥₹]|\b\d[\d.,]*\s?(?:k\b|usd|eur|gbp|grand\b|a year|an hour|per (?:hour|month|year))",
    re.IGNORECASE,
)


def sensitive(text: str) -> str:
    """The matter for which a text may not be kept as a fact (`health`, `religion`,
    ...), or ""."""
    for matter, pattern in _MATTERS:
        if pattern.search(text):
            return matter
    if any(pattern.search(text) for pattern in _ADDRESSES):
        return "address"
    return "money" if _SUMS.search(text) else ""
