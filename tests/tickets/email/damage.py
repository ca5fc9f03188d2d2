"""Mails of many kinds, written here, and ways to damage a mail. Needs no Django."""

import random


def damaged(raw: bytes, seed: int) -> bytes:
    """The mail with a few bytes changed, removed, doubled or put elsewhere."""
    rng = random.Random(seed)
    data = bytearray(raw)
    for _ in range(rng.randint(1, 12)):
        position = rng.randrange(len(data) + 1)
        length = rng.choice((1, 1, 2, 20, 200))
        action = rng.randrange(4)
        if action == 0:
            data[position : position + length] = rng.randbytes(length)
        elif action == 1:
            del data[position : position + length]
        elif action == 2:
            data[position:position] = data[position : position + length] * rng.randint(1, 5)
        else:
            data[position:position] = rng.choice(
                (b"\r\n", b"\n\n", b"--b", b'"', b"<", b"(", b"=?", b"\x00", b": ")
            )
    return bytes(data)


# Most of what mails have: nested parts, encoded words, a quote, a file, a delivery report.
WHOLE_MAIL = (
    b'From: =?utf-8?q?M=C3=A9tte?= <mette@halden.example>\r\nTo: "Support, Desk" <support@desk.example>\r\n'
    b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\nMessage-ID: <1@halden.example>\r\nReferences: <0@x>\r\n <00@x>\r\n"
    b'Date: Mon, 2 Mar 2026 10:00:00 +0100\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\n'
    b"--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\nContent-Type: text/plain\r\n\r\nHello\r\n\r\n"
    b"On Mon, 2 Mar 2026 Priya <p@desk.example> wrote:\r\n> Hi\r\n--i\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>Hello <a href=3D'x'>w=C3=B6rld</a></p>\r\n--i--\r\n"
    b"--o\r\nContent-Type: application/pdf; name*=utf-8''r%20x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n"
    b"--o\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\n"
    b"Action: failed\r\nStatus: 5.1.1\r\n--o--\r\n"
)
BOUNCE = (
    b"Return-Path: <>\nFrom: Mail Delivery System <mailer-daemon@mx.halden.example>\nTo: support@desk.example\n"
    b"Subject: Undelivered Mail Returned to Sender\nMessage-ID: <b1@mx.halden.example>\nDate: Mon, 2 Mar 2026 10:00:00 +0100\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="r"\n\n--r\n\nNo such user.\n'
    b"--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.halden.example\n\n"
    b"Final-Recipient: rfc822; gone@halden.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 unknown\n"
    b"--r\nContent-Type: message/rfc822\n\nMessage-ID: <ours@desk.example>\nSubject: Re: x\n\nHello\n--r--\n"
)
ABSENCE = (
    b"From: Mette Aas <mette@halden.example>\nTo: support@desk.example\nSubject: Out of office: Re: Invoice\n"
    b"Auto-Submitted: auto-replied\nIn-Reply-To: <ours@desk.example>\nMessage-ID: <o1@halden.example>\n\nBack on Monday.\n"
)
OUTLOOK = (
    b"From: =?iso-8859-1?Q?J=F6rg_Wei=DF?= <joerg@kunde.example>\nTo: support@desk.example\nSubject: AW: Rechnung\n"
    b"Message-ID: <w1@kunde.example>\nReferences: <x@desk.example>\nContent-Type: multipart/related; boundary=rel\n\n"
    b"--rel\nContent-Type: multipart/alternative; boundary=alt\n\n--alt\nContent-Type: text/plain; charset=iso-8859-1\n"
    b"Content-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n\nVon: Desk\nGesendet: Montag\nAn: J=F6rg\nBetreff: x\n\n"
    b"Hallo\n--alt\nContent-Type: text/html; charset=windows-1252\n\n<html><body><p class=MsoNormal>Gr\xfc\xdfe<img "
    b'src="cid:i1@01"></p><div style="border-top:solid 1pt"><b>Von:</b> Desk<br></div></body></html>\n--alt--\n'
    b'--rel\nContent-Type: image/png; name="image001.png"\nContent-ID: <i1@01>\nContent-Transfer-Encoding: base64\n\n'
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=\n--rel--\n"
)
FORWARD = (
    b"From: Priya <priya@desk.example>\nTo: support@desk.example\nSubject: Fwd: Broken export\nMessage-ID: <f1@desk.example>\n"
    b"Content-Type: text/plain; charset=utf-8\n\nPlease take this.\n\n---------- Forwarded message ---------\n"
    b"From: Ada Berg <ada@kunde.example>\nDate: Mon, 2 Mar 2026 at 10:00\nSubject: Broken export\nTo: <sales@desk.example>\n\n"
    b"My export fails.\n"
)
NEWSLETTER = (
    b"From: news@shop.example\nTo: support@desk.example\nSubject: =?utf-8?Q?=F0=9F=8E=89_Sale?=\n"
    b"List-Unsubscribe: <mailto:u@shop.example>\n"
    b"Precedence: bulk\nMessage-ID: <n1@shop.example>\nContent-Type: text/html\n\n"
    b"<table><tr><td><a href='https://shop.example'>Sale"
    b"</a></td></tr></table><script>alert(1)</script>\n"
)
JAPANESE = (
    b"From: =?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= <yamada@kaisha.example>\nSubject: =?ISO-2022-JP?B?GyRCPEFMZBsoQg==?=\n"
    b"Content-Type: text/plain; charset=ISO-2022-JP\nContent-Transfer-Encoding: 7bit\n\n\x1b$B<ALd\x1b(B\n"
)
UUENCODED = (
    b"From: old@unix.example\nSubject: file\nContent-Type: application/octet-stream; name*0*=utf-8''na%20; name*1=me.bin\n"
    b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n#0V%T\n`\nend\n"
)
BARE = b"no header at all, just words\nand a second line\n"
INVITATION = (
    b"From: Mette Aas <mette@halden.example>\nTo: support@desk.example\nSubject: Review\nMessage-ID: <c1@halden.example>\n"
    b"Content-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain\n\nPlease come.\n--c\n"
    b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n"
    b"METHOD:REQUEST\nBEGIN:VEVENT\nUID:1@halden.example\nDTSTAMP:20260301T090000Z\nDTSTART;TZID=Europe/Oslo:20260302T100000\n"
    b"DTEND;TZID=Europe/Oslo:20260302T110000\nSUMMARY:Contract review\nLOCATION:Room 4\n"
    b"ORGANIZER;CN=Mette Aas:mailto:mette@halden.example\n"
    b"RRULE:FREQ=WEEKLY;COUNT=3\nATTENDEE;CN=Support:mailto:support@desk.example\nEND:VEVENT\nEND:VCALENDAR\n--c--\n"
)
SAMPLES = [one.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for one in (
    WHOLE_MAIL, BOUNCE, ABSENCE, OUTLOOK, FORWARD, NEWSLETTER, JAPANESE, UUENCODED, BARE, INVITATION,
)]  # fmt: skip
