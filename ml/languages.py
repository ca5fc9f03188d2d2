"""Guessing the language of a message from its letters and its commonest words: enough to know when a model must be silent.

A few hundred words per language tell apart what support desks get in Latin letters; other scripts tell by themselves. What
gives no hint ("ok", "4711") has no language.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict

# The commonest words, and those of greetings and short answers, as people type them (accents are optional).
_WORDS = {
    "en": (
        "the and you your is are was were i it this that not have has had do does did to of in for on with at from we our "
        "they be been can could would will my me when what why how please thanks thank hello hi hey dear there still just "
        "no yes but or any some an a as if so get got after before since again work works working need want help out up "
        "all now about which who than then too very more only never always nothing anyone someone he she his her it's "
        "don't can't i'm we're doesn't didn't isn't won't i've we've you're that's great good nice love sorry sir madam "
        "team regards best cheers am also because today tomorrow yesterday here make made way every day days week month "
        "year hat die war bin must should over while same first last next new old other two one see seems look told said "
        "think know going let us done into back down off own such these those them him being go went come came say tell "
        "find takes took long really even though through until without"
    ),
    "de": (
        "der die das und ich ist nicht ein eine einen einem einer sie wir ihr ihre ihren uns mir mich es zu den dem mit "
        "auf für fur von im in am an bei nach aus wie was wann warum wo habe haben hat hatte wird werden wurde kann "
        "können konnen noch nur auch aber oder wenn dass schon sehr mehr kein keine keinen bitte danke hallo guten tag "
        "morgen abend moin geehrte geehrter grüße gruß grusse vielen dank liebe lieber seit immer wieder jetzt heute "
        "gestern geht ja nein doch mal bin sind war zum zur über uber unser unsere unseren so als bis ohne durch um alles "
        "nichts leider endlich gut schnell passt einfach prima klappt minuten uhr"
    ),
    "fr": (
        "le la les un une des du de et est je vous nous votre vos notre nos il elle ils que qui quoi pas ne ce cette ces "
        "mon ma mes dans pour sur avec sans par au aux en y a à été ete sont suis avez avons ont fait faire plus très "
        "tres bien merci bonjour bonsoir salut cordialement madame monsieur depuis toujours encore mais ou où comment "
        "pourquoi quand si tout tous rien jamais déjà deja être etre peut pouvez puis svp oui non c'est j'ai n'est d'un "
        "d'une qu'il l'équipe aucun aucune ça ca"
    ),
    "es": (
        "el la los las un una unos de del y es que no en por para con sin su sus mi mis nos me te se lo le les al como "
        "cuando donde dónde cómo qué está esta este esto están han he ha hemos tengo tiene tienen puede pueden puedo hola "
        "buenos buenas días dias tardes gracias saludos favor muy más mas pero o ya si sí sigue todo nada nunca siempre "
        "desde hasta hay ser son era fue porque también tambien ayer hoy mañana alguien usted ustedes vosotros os cordial "
        "estimado estimada hace otra vez"
    ),
    "it": (
        "il lo la i gli le un una uno di del della dei delle e è che non in per con senza su da dal nel nella mi ti ci vi "
        "si ho ha hai abbiamo avete hanno sono sei siamo siete era come quando dove perché perche cosa questo questa "
        "quello più piu ma o anche ancora già gia sempre mai niente tutto grazie ciao buongiorno buonasera salve cordiali "
        "saluti gentile favore prego molto bene oggi ieri domani qualcuno vostro vostra nostro nostra al alla ai sta "
        "stato fatto può puo posso adesso sembra"
    ),
    "pt": (
        "o a os as um uma de do da dos das e é que não nao em no na nos nas por para com sem seu sua seus meu minha me se "
        "ao à como quando onde porque está esta estão estou tem têm tenho temos foi ser são sao mais mas ou já ja ainda "
        "sempre nunca nada tudo obrigado obrigada olá ola bom boa dia tarde noite cumprimentos favor muito você voce "
        "vocês isso isto aqui há ha até ate hoje ontem amanhã alguém desde pelo pela consigo conseguem fica ficou valeu "
        "deu certo"
    ),
    "nl": (
        "de het een en van ik is niet dat die dit deze wij we jullie uw u je mijn ons onze in op voor met aan bij naar "
        "uit om te er heb heeft hebben had wordt worden kan kunnen kunt zou nog maar ook als of al wel geen meer zeer "
        "heel bedankt dank hallo goedemorgen goedemiddag groet groeten vriendelijke beste geachte wat waarom wanneer hoe "
        "waar wie sinds altijd nooit niets alles vandaag gisteren morgen graag alsjeblieft zijn was werd weer nu ja nee "
        "mag moet dus even toch hoor dankjewel dankuwel niks welke veel"
    ),
    "pl": (
        "i w z na do nie że ze to jest są sa się sie od za o u ale czy jak co kiedy dlaczego gdzie ten ta te tego mam ma "
        "mamy mają państwo panstwo pan pani proszę prosze dziękuję dziekuje dzięki dzieki dzień dzien dobry witam cześć "
        "pozdrawiam już juz jeszcze tylko też tez bardzo mi mnie nam nas wam was przez dla przy tak nic wszystko zawsze "
        "nigdy dziś dzis wczoraj jutro może moze można mozna być byc był była jestem działa dziala znowu"
    ),
    "sv": (
        "och att det som en ett är inte jag vi ni har för med på av till den om men så kan var ska från hej tack mycket "
        "när hur vad varför ingen inget fortfarande vår er"
    ),
    "da": (
        "og at det som en et er ikke jeg vi i har for med på af til den om men så kan var skal fra hej tak meget når "
        "hvordan hvad hvorfor ingen stadig vores jer"
    ),
    "ro": (
        "și si nu este sunt pentru cu din la în un o care mai am ați vă va rog mulțumesc multumesc bună buna ziua de ce "
        "cum când"
    ),
    "cs": (
        "a je to že se na v s z do ne není jsem jsme jste máte mám prosím děkuji dobrý den jak proč kdy ale už ještě také "
        "pro"
    ),
    "tr": (
        "ve bir bu için ile ne nasıl neden değil var yok çok teşekkürler merhaba lütfen ben biz siz ama da de mi daha"
    ),
}
_LETTERS = {
    "de": "äöüß", "fr": "çœèêëîïûâ", "es": "ñ¿¡", "pt": "ãõ", "pl": "łąęśźżćń", "sv": "åä", "da": "åæø", "ro": "țșă",
    "cs": "ěřůčž", "tr": "ığş", "it": "ìò",
}  # fmt: skip
_SCRIPTS = (
    ("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("HANGUL", "ko"), ("CJK", "zh"), ("CYRILLIC", "ru"), ("GREEK", "el"),
    ("ARABIC", "ar"), ("HEBREW", "he"), ("THAI", "th"), ("DEVANAGARI", "hi"),
)  # fmt: skip
_READ = 2_000  # characters; the first lines tell
_WORD = re.compile(r"(?<![\w@#])[^\W\d_]+(?:'[^\W\d_]+)*(?!\w)")
_ENOUGH = 0.75  # votes; one word that two languages share says nothing

_SPEAKERS: dict[str, set[str]] = {}
for _language, _list in _WORDS.items():
    for _word in _list.split():
        _SPEAKERS.setdefault(_word, set()).add(_language)


def guess_language(text: str) -> str:
    """The ISO 639-1 code of the likeliest language, "" when the text gives no hint."""
    text = text[:_READ].lower().replace("’", "'")
    script = _other_script(text)
    if script:
        return script
    votes: defaultdict[str, float] = defaultdict(float)
    for word in _WORD.findall(text):
        speakers = _SPEAKERS.get(word, ())
        for language in speakers:
            votes[language] += 1 / len(speakers)
    for language, letters in _LETTERS.items():
        found = sum(text.count(letter) for letter in letters)
        if found:
            votes[language] += min(found, 3) * 0.5
    if max(votes.values(), default=0) < _ENOUGH:
        return ""
    # English wins ties: names and loan words of other languages are common in it.
    return max(votes, key=lambda language: (votes[language], language == "en"))


def _other_script(text: str) -> str:
    letters = [letter for letter in text if ord(letter) > 0x36F and letter.isalpha()]
    if not letters or 2 * len(letters) < sum(letter.isalpha() for letter in text):
        return ""
    names = Counter(unicodedata.name(letter, "").split(" ", 1)[0] for letter in letters)
    for name, language in _SCRIPTS:
        if any(found.startswith(name) for found in names):
            return language
    return ""
