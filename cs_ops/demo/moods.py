"""How customers say things in each mood, how agents answer and how conversations go on. English, German, French, Spanish."""

MOODS = ("angry", "unhappy", "neutral", "friendly")

OPENERS = {
    "angry": (
        "This is unacceptable.", "I am really fed up with this.", "Once again nothing works.",
        "I have lost all patience with your product.", "Is anybody actually reading these tickets?",
        "We pay a lot of money for this and it is a disaster.", "This is the {n}th time this year.",
        "I am furious.", "What is going on over there?",
    ),
    "unhappy": (
        "Unfortunately we have a problem again.", "I am a bit disappointed.", "This is becoming a nuisance.",
        "I expected this to work by now.", "Sorry to bother you again, but this still does not work.",
        "We are not happy with how this goes.", "This costs us time every day.",
    ),
    "neutral": (
        "Hello,", "Good morning,", "Hi team,", "Dear support team,", "Hello everybody,", "Hi,", "Good afternoon,",
    ),
    "friendly": (
        "Hi team, hope you are well!", "Hello, first of all thanks for the quick help last time.",
        "Good morning! We enjoy working with Fieldbook.", "Hi, you have been great so far.",
        "Hello, the new planning board is lovely, by the way.",
    ),
}  # fmt: skip

IMPACTS = {
    "angry": (
        "{n} people sit idle because of it.", "Our customers are shouting at us and we can do nothing.",
        "If this is not fixed today we will look for another product.", "We lost a customer over this.",
        "My boss wants to cancel the contract, and I can no longer defend you.",
        "Nobody has answered my last two messages.", "This makes us look like amateurs.",
    ),
    "unhappy": (
        "It slows the team in {city} down a lot.", "We work around it by hand, which takes hours.",
        "This is the second time this month.", "Our management has begun to ask questions.",
        "It was promised that this would be solved in {month}.", "We had hoped for something more reliable.",
    ),
    "neutral": (
        "It concerns {n} users.", "It is the same in {browser} and in the app.", "We noticed it on {day}.",
        "It affects the team in {city}.", "There is no hurry, but we would like to understand it.",
        "A screenshot can follow if you need one.", "",
    ),
    "friendly": (
        "No hurry at all.", "It is only a small thing.", "Everything else works very well for us.",
        "The team in {city} likes it a lot.", "We are looking forward to your answer.",
    ),
}  # fmt: skip

ASKS = {
    "angry": (
        "I want this fixed now.", "Call me today.", "I expect an answer within the hour.",
        "Escalate this to somebody who can solve it.", "When will this finally work?",
    ),
    "unhappy": (
        "Please have a look soon.", "When can we expect a solution?", "Could somebody finally take care of it?",
        "Please tell us what you are doing about it.",
    ),
    "neutral": (
        "Could you please check?", "What do we have to do?", "Can you help?", "Please let us know.",
        "Thanks in advance.", "Is this known?",
    ),
    "friendly": (
        "Could you point me in the right direction? Thank you so much!", "Thanks a lot for your help!",
        "Would be wonderful if you could help. Many thanks!", "Have a nice day and thank you!",
    ),
}  # fmt: skip

FOLLOW_UPS = {
    "angry": (
        "It is still broken. What are you doing all day?", "This did not help at all. We are losing money every hour.",
        "Your answer has nothing to do with my question. I want to speak to your manager.",
        "Still nothing. I have told our management to stop the renewal.",
        "That is the same useless advice as last time.",
    ),
    "unhappy": (
        "I tried it and the problem is still there.", "It worked for an hour, now it is back. That is disappointing.",
        "We are still waiting. Is there any news?", "Only half of our users can work, the others still have the problem.",
        "Honestly, this takes far too long.",
    ),
    "neutral": (
        "I have tried that, here is what I see: the page says \"try again later\".",
        "It concerns the account of {person}. Do you need anything else?",
        "Here is the number you asked for: {n}.", "We use {browser} in the current version.",
        "Yes, you may look into our account. It happened again at {time}.",
        "That is done. What is the next step?",
    ),
    "friendly": (
        "Great, that already helped for most of us! Only {person} still sees it.",
        "Thank you for the quick answer! I will try it this afternoon.",
        "Super, that makes sense. One more small question: does it also work on tablets?",
    ),
}  # fmt: skip

CLOSINGS = {
    "angry": (
        "It works now, but it took far too long.", "Fine. I hope this was the last time.",
        "It works. I still expect an explanation of how this could happen.",
    ),
    "unhappy": (
        "It seems to work again. Please make sure it stays that way.", "OK, solved for now.",
        "It works, thank you. It should not have taken a week.",
    ),
    "neutral": (
        "Thank you, it works.", "Solved, you can close this.", "Yes, that was it. Thanks.", "All good now.",
        "Thanks, that answers my question.",
    ),
    "friendly": (
        "Perfect, works like a charm. Thank you so much!", "You are fantastic, thanks for the fast help!",
        "Wonderful, everybody here is happy again. Have a great weekend!", "Great service as always, thank you!",
        "Brilliant, exactly what we needed!",
    ),
}  # fmt: skip

GREETINGS = ("Hello {first},", "Hi {first},", "Good morning {first},", "Dear {first},")
SORRY = (
    "I am sorry for the trouble this causes.", "I understand how annoying this is, and I am sorry.",
    "Sorry that you had to write about this again.",
)  # fmt: skip
THANKS = (
    "Thank you for writing.",
    "Thanks for the details.",
    "Thank you for your question.",
    "Good that you ask.",
)
QUESTIONS = (
    "Could you tell me since when it happens and for whom?", "Which browser do you use, and does it also happen in the app?",
    "Could you send the exact text of the message?", "May I look into your account to reproduce it?",
)  # fmt: skip
PROGRESS = (
    "I have passed what you found to development and will write again tomorrow.",
    "I can see it in the log now: it happens only with the older records, and we are repairing them.",
    "A correction goes live tonight. Could you try again in the morning?",
    "I have looked at it together with a colleague; the setting in your account was changed back by an import, I have fixed both.",
    "Please sign out and in again once, then it should be gone for the others as well.",
    "I have tried it with a copy of your data and it works there, so I suspect the cache. I have cleared it for you.",
    "That is a second, separate cause. I have opened a case of its own for it and linked both.",
    "Could we look at it together for ten minutes? Tomorrow at {time} would suit me.",
)  # fmt: skip
NOTES = (
    "Reproduced in the test system, talking to development.", "Second case this week, see the list of known issues.",
    "Customer is close to renewal, please answer quickly.", "Asked {person} from development for the log of {day}.",
    "Workaround works, fix planned for the next version.",
)  # fmt: skip
RESOLVED = ("I will close this for now; just answer if it comes back.", "Is there anything else I can do for you?",
            "Please answer this mail if anything is left.")  # fmt: skip

# Texts that say little: nobody can tell from them where they belong.
VAGUE = (
    ("Question", "Hello, I have a question about our account. Who can call me back?"),
    ("It does not work", "It does not work any more. Please fix it."),
    ("Help", "Can somebody help us please? It is the same as last time."),
    ("(no subject)", "See the conversation with your colleague from last week, what is the state of this?"),
    ("Urgent", "Please call {person} today."),
    ("Problem in {city}", "Our office in {city} has a problem again, they will know more tomorrow."),
    ("Feedback", "Some of us like it, some do not. Can we talk about it?"),
)
# (subject, text, category, level) in the language of the customer; answers are given in English by the demo desk.
FOREIGN: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    "de": (
        ("Anmeldung nicht möglich", "Guten Morgen, seit {day} kann sich in {city} niemand mehr über {idp} anmelden. Die Seite lädt neu und fragt wieder nach dem Passwort. Bitte um schnelle Hilfe.", "Login and single sign-on", 2),
        ("Rechnung {invoice} doppelt abgebucht", "Sehr geehrte Damen und Herren, die Rechnung {invoice} über {amount} wurde zweimal von unserem Konto abgebucht. Bitte erstatten Sie den Betrag.", "Invoices and payments", 2),
        ("Planungstafel sehr langsam", "Hallo zusammen, die Planungstafel braucht seit {day} über {n} Sekunden zum Laden. Unsere Disponenten können so nicht arbeiten.", "Performance and outages", 2),
        ("Frage zum Export", "Guten Tag, beim Export von {report} für {month} ist die Datei leer. Was machen wir falsch? Vielen Dank im Voraus.", "Reports and exports", 1),
        ("Weitere Lizenzen", "Hallo, wir eröffnen ein Team in {city} und brauchen {n} weitere Lizenzen. Bitte schicken Sie uns ein Angebot.", "Plans and seats", 1),
    ),
    "fr": (
        ("Impossible de se connecter", "Bonjour, depuis {day} nos collègues de {city} n'arrivent plus à se connecter avec {idp}. Merci de regarder rapidement.", "Login and single sign-on", 2),
        ("Facture {invoice} incorrecte", "Bonjour, le numéro de TVA manque sur la facture {invoice}. Notre comptabilité ne peut pas la régler. Merci de la corriger.", "Invoices and payments", 1),
        ("La synchronisation avec {system} s'est arrêtée", "Bonjour, aucune donnée n'arrive de {system} depuis {day}. C'est la deuxième fois ce mois-ci et nous sommes déçus.", "Connectors and sync", 2),
        ("Importer nos clients", "Bonjour à tous, l'import de notre fichier s'arrête à la ligne {n}. Pouvez-vous nous aider ? Merci beaucoup !", "Import and migration", 1),
    ),
    "es": (
        ("No podemos entrar", "Buenos días, desde el {day} nadie de {city} puede entrar con {idp}. Es muy urgente, por favor.", "Login and single sign-on", 2),
        ("Cobro duplicado", "Hola, nos han cobrado dos veces la factura {invoice} de {amount}. Esperamos la devolución cuanto antes.", "Invoices and payments", 2),
        ("La aplicación se cierra", "Hola, la aplicación se cierra al hacer una foto y hoy hemos perdido {n} informes. Estamos muy descontentos.", "Performance and outages", 2),
        ("¿Cómo planifico visitas repetidas?", "Hola equipo, ¿cómo puedo planificar una visita que se repite cada mes? ¡Muchas gracias!", "How to and wishes", 0),
    ),
}  # fmt: skip

SLOTS: dict[str, tuple[str, ...]] = {
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "last week", "the 3rd", "the 12th", "the 21st"),
    "city": ("Hamburg", "Leeds", "Lyon", "Valencia", "Utrecht", "Denver", "Oakland", "Pune", "Bergen", "Perth", "Graz", "Cork"),
    "idp": ("Entra ID", "Okta", "Keycloak", "Google Workspace", "OneLogin"),
    "browser": ("Firefox", "Chrome", "Edge", "Safari"),
    "month": ("January", "February", "March", "April", "May", "June", "September", "October", "November"),
    "system": ("HubSpot", "Salesforce", "SAP", "Dynamics", "Xero", "DATEV"),
    "report": ("the utilisation report", "the visit report", "the revenue dashboard", "the SLA overview", "the time sheet report"),
    "field": ("external_id", "region", "tax_code", "contract_number", "device_serial"),
}  # fmt: skip
