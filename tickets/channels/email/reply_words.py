"""The words that mail programs put around somebody else's mail, by what they say and not by language.

One list for all who look for them: the folding of history (``quotes``) and the reading of forwarded mail
(``forwarded``). Words are matched without regard to case.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Labels of the header block above a replied or forwarded mail.
_LABELS: dict[str, tuple[str, ...]] = {
    "from": (
        "from", "von", "de", "da", "van", "fra", "från", "fran", "od", "lähettäjä", "feladó", "de la", "kimden", "από",
        "от", "від", "от кого", "发件人", "寄件者", "寄件人", "差出人", "送信者", "보낸 사람", "보낸사람", "från",
        "expéditeur", "remitente", "mittente", "afzender", "absender", "avsändare", "nadawca", "odesílatel", "pengirim",
    ),
    "date": (
        "sent", "date", "gesendet", "datum", "envoyé", "envoye", "enviado el", "enviado em", "enviado", "enviada em",
        "fecha", "data", "inviato", "data invio", "verzonden", "skickat", "skickad", "sendt", "dato",
        "lähetetty", "päiväys", "päivämäärä",
        "odesláno", "wysłano", "wyslano", "data wysłania", "elküldve", "dátum", "trimis", "gönderildi", "gönderme tarihi",
        "tarih", "στάλθηκε", "ημερομηνία", "отправлено", "дата", "надіслано", "发送时间", "发送日期", "日期", "寄件日期",
        "傳送日期", "送信日時", "日付", "日時", "보낸 날짜", "날짜", "tanggal",
    ),
    "to": (
        "to", "an", "à", "a", "para", "aan", "till", "til", "do", "komu", "vastaanottaja", "címzett", "către",
        "kime", "προς", "кому", "收件人", "收件者", "宛先", "받는 사람", "받는사람", "destinataire", "destinatario",
        "destinatário", "empfänger", "kepada",
    ),
    "cc": (
        "cc", "kopie", "copie", "copia", "kopia", "kopi", "kopio", "másolatot kap", "bilgi", "κοιν", "копия", "копія",
        "抄送", "副本", "참조",
    ),
    "subject": (
        "subject", "betreff", "objet", "asunto", "assunto", "oggetto", "onderwerp", "ämne", "amne", "emne", "aihe",
        "temat", "předmět", "tárgy", "subiect", "konu", "θέμα", "тема", "主题", "主旨", "件名", "제목", "subjek",
    ),
    "reply_to": ("reply-to", "antwort an", "répondre à", "responder a", "rispondi a"),
}  # fmt: skip
_ROLES = {label: role for role, labels in _LABELS.items() for label in labels}
_FIELD = re.compile(
    r"^[ \t]*\*{0,2}[ \t]?(?P<label>"
    + "|".join(re.escape(label) for label in sorted(_ROLES, key=len, reverse=True))
    + r")[ \t]?\*{0,2}[ \t\u00a0]?[:：]\*{0,2}[ \t\u00a0]*(?P<value>.*)$",
    re.IGNORECASE,
)

_FRAME = r"[-_*=~–—]{2,}"
_ORIGINAL_WORDS = (
    "original message", "original appointment", "original email", "reply message", "previous message",
    "ursprüngliche nachricht", "ursprungliche nachricht", "originalnachricht", "original-nachricht",
    "message d'origine", "message original",
    "mensaje original", "messaggio originale", "mensagem original", "oorspronkelijk bericht", "origineel bericht",
    "ursprungligt meddelande", "originalmeddelande", "opprinnelig melding", "oprindelig meddelelse", "original besked",
    "alkuperäinen viesti", "wiadomość oryginalna", "wiadomosc oryginalna", "oryginalna wiadomość", "původní zpráva",
    "eredeti üzenet", "mesaj original", "mesajul original", "orijinal ileti", "orijinal mesaj", "αρχικό μήνυμα",
    "исходное сообщение", "оригинальное сообщение", "оригінальне повідомлення", "原始邮件", "原始郵件", "原邮件",
    "元のメッセージ", "원본 메시지", "원본 메일",
)  # fmt: skip
_FORWARD_WORDS = (
    "forwarded message", "begin forwarded text", "begin forwarded message",
    "forwarded email", "forward message", "weitergeleitete nachricht",
    "message transféré", "message transmis", "mensaje reenviado", "mensagem encaminhada", "mensagem reencaminhada",
    "messaggio inoltrato",
    "doorgestuurd bericht", "vidarebefordrat meddelande", "videresendt melding", "videresendt meddelelse", "välitetty viesti",
    "wiadomość przekazana", "przekazana wiadomość", "treść przekazanej wiadomości", "přeposlaná zpráva", "továbbított üzenet",
    "mesaj redirecționat", "iletilmiş mesaj", "iletilen ileti", "προωθημένο μήνυμα", "пересылаемое сообщение",
    "пересланное сообщение", "переслане повідомлення",
    "转发的邮件", "轉寄郵件", "転送されたメッセージ", "転送メッセージ",
    "전달된 메시지", "전달된 메일",
)  # fmt: skip
_ORIGINAL_MARK = re.compile(
    rf"^[ \t]*{_FRAME}[ \t]*(?:{'|'.join(map(re.escape, _ORIGINAL_WORDS))})[ \t]*[-_*=~–—:]*[ \t]*$",
    re.IGNORECASE,
)
_FORWARD_MARK = re.compile(
    rf"^[ \t]*{_FRAME}[ \t]*(?:{'|'.join(map(re.escape, _FORWARD_WORDS))})(?:[ \t]+(?:from|von|de|da|van) .{{1,120}})?"
    rf"[ \t]*[-_*=~–—:]*[ \t]*$"
    r"|^[ \t]*(?:begin forwarded message|(?:anfang|beginn) der weitergeleiteten (?:nachricht|e-mail)"
    r"|d[ée]but du message (?:r[ée]exp[ée]di[ée]|transf[ée]r[ée])"
    r"|inicio del mensaje reenviado|in[ií]cio da mensagem (?:encaminhada|reencaminhada)"
    r"|inizio (?:del )?messaggio inoltrato"
    r"|begin doorgestuurd bericht|vidarebefordrat brev|start på videresendt (?:melding|besked)|videresendt melding"
    r"|p[oó]cz[aą]tek przekazywanej wiadomo[sś]ci|начало переадресованного сообщения)[ \t\u00a0]?[:：][ \t]*$",
    re.IGNORECASE,
)
_FORWARD_SUBJECT = re.compile(
    r"^[ \t]*(?:fwd?|wg|tr|rv|enc|i|doorst|vs|vb|vl|pd|fs|továbbítás|ynt|ilt|pr|转发|轉寄|転送|전달|пересл)[ \t\u00a0]?[:：]"
    r"|^[ \t]*\[fwd:",
    re.IGNORECASE,
)


class Field(NamedTuple):
    """One line of a header block: its ``role`` (from, date, to, cc, subject, reply_to) and the text behind the colon."""

    role: str
    value: str


def read_field(line: str) -> Field | None:
    """The field a line opens ("Von: Mette Aas"), or None. Looks at the first 1,000 characters."""
    match = _FIELD.match(line[:1000])
    return Field(_ROLES[match["label"].lower()], match["value"].strip()) if match else None


def is_original_mark(line: str) -> bool:
    """Whether a line is "----- Original Message -----" in some language: history follows."""
    return len(line) < 200 and _ORIGINAL_MARK.match(line) is not None


def is_forward_mark(line: str) -> bool:
    """Whether a line is "---------- Forwarded message ---------" in some language: another person's mail follows."""
    return len(line) < 300 and _FORWARD_MARK.match(line) is not None


def is_forward_subject(subject: str) -> bool:
    """Whether a subject begins with Fwd:, WG:, TR: and the like, so that the mail below is passed on, not answered."""
    return _FORWARD_SUBJECT.match(subject[:100]) is not None
