"""Domains of mail addresses: which one an address has, and which are shared by strangers and so name no company."""

FREE_MAIL = frozenset(
    """
    aol.com btinternet.com fastmail.com free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com
    hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.fr icloud.com laposte.net libero.it live.com mac.com mail.com
    mail.ru me.com msn.com naver.com orange.fr outlook.com outlook.de pm.me posteo.de proton.me protonmail.com qq.com
    rediffmail.com seznam.cz t-online.de tutanota.com wanadoo.fr web.de wp.pl yahoo.co.in yahoo.co.jp yahoo.co.uk
    yahoo.com yahoo.de yahoo.fr yandex.com yandex.ru ymail.com zoho.com 126.com 163.com
    """.split()  # noqa: SIM905 - a list of ninety quoted names is harder to read
)


def normalise_address(address: str) -> str:
    """Return a mail address as identities store it: trimmed, lower case."""
    return address.strip().lower()


def company_domain(address: str) -> str:
    """Return the domain of a mail address when it can name a company; empty for free mail and for no address."""
    domain = normalise_address(address).rpartition("@")[2] if "@" in address else ""
    return "" if domain in FREE_MAIL else domain
