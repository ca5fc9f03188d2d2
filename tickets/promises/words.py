"""Words for days, months, numbers and times of day, in English and German, in lower case."""

from datetime import time

DAYS = {
    name: place
    for place, names in enumerate(
        (
            "monday mon montag", "tuesday tue tues dienstag", "wednesday wed mittwoch", "thursday thu thurs donnerstag",
            "friday fri freitag", "saturday sat samstag sonnabend", "sunday sun sonntag",
        )
    )
    for name in names.split()
}  # fmt: skip
MONTHS = {
    name: place
    for place, names in enumerate(
        (
            "january jan januar jänner", "february feb februar", "march mar märz", "april apr", "may mai", "june jun juni",
            "july jul juli", "august aug", "september sep sept", "october oct oktober okt", "november nov",
            "december dec dezember dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
NUMBERS = {
    name: value
    for value, names in {
        0.5: "half halben halbe", 1: "a an one the eine einer einem ein", 2: "two zwei couple", 3: "three drei few",
        4: "four vier", 5: "five fünf", 6: "six sechs", 7: "seven sieben", 8: "eight acht", 9: "nine neun", 10: "ten zehn",
        11: "eleven elf", 12: "twelve zwölf", 15: "fifteen fünfzehn", 20: "twenty zwanzig", 30: "thirty dreißig",
        45: "fortyfive",
    }.items()
    for name in names.split()
}  # fmt: skip
CLOCK_WORDS = {
    "noon": time(12), "midday": time(12), "lunch": time(12), "lunchtime": time(12), "mittag": time(12), "mittags": time(12),
    "midnight": time(23, 59), "mitternacht": time(23, 59), "morning": time(12), "vormittag": time(12),
    "früh": time(12), "afternoon": time(18), "nachmittag": time(18), "evening": time(21), "abend": time(21),
    "tonight": time(23, 59), "night": time(23, 59), "nacht": time(23, 59),
}  # fmt: skip
