"""Invented companies and people, by country. Domains end in .example, which nobody can own."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Country:
    """Where a company sits: language of its mails, zone, currency, first and last names."""

    code: str
    zone: str
    language: str
    currency: str
    share: float
    first: str
    last: str


COUNTRIES = [
    Country("DE", "Europe/Berlin", "de", "EUR", 0.17,
            "Anna Jonas Katrin Lukas Miriam Stefan Heike Tobias Sabine Felix Nadine Matthias Julia Sven Carola Henrik",
            "Brandt Vogel Seidel Hartmann Krüger Lindner Ahrens Pohl Winkler Engel Roth Kessler Baumann Dietz Falk"),
    Country("GB", "Europe/London", "en", "EUR", 0.15,
            "Alice Oliver Priya Harriet Thomas Imogen Declan Sophie George Amara Rhys Charlotte Callum Zara Edward Nia",
            "Whitfield Marsh Okafor Pemberton Doyle Hargreaves Lowe Sinclair Bevan Radcliffe Nash Ainsworth Cole Tait"),
    Country("US", "America/New_York", "en", "EUR", 0.17,
            "Maya Ethan Olivia Marcus Hannah Tyler Grace Andre Chloe Logan Elena Jordan Brooke Caleb Naomi Wesley",
            "Castillo Bennett Holloway Park Whitaker Dawson Monroe Ellison Reyes Sutton Vance Caldwell Ortiz Barlow"),
    Country("US", "America/Los_Angeles", "en", "EUR", 0.09,
            "Ava Diego Megan Kai Rachel Tristan Lena Omar Paige Victor Dana Theo Jasmine Cole Irene Miles",
            "Nakamura Alvarez Kim Thornton Beck Salazar Whitman Fields Moreno Chang Hobbs Lawson Tran Quintero"),
    Country("FR", "Europe/Paris", "fr", "EUR", 0.10,
            "Camille Julien Élodie Antoine Margaux Nicolas Chloé Mathieu Sandrine Hugo Inès Bastien Aurélie Rémi",
            "Lefèvre Moreau Garnier Chevalier Fontaine Roussel Perrin Lambert Marchand Renaud Colin Barbier Gautier"),
    Country("ES", "Europe/Madrid", "es", "EUR", 0.07,
            "Lucía Javier Carmen Álvaro Marta Sergio Elena Pablo Nuria Diego Beatriz Iván Rocío Hugo",
            "Navarro Serrano Ibáñez Molina Cabrera Vidal Santos Crespo Herrero Prieto Gallego Pascual Soler"),
    Country("NL", "Europe/Amsterdam", "en", "EUR", 0.06,
            "Sanne Bram Lotte Daan Femke Ruben Maud Jeroen Iris Thijs Marleen Koen",
            "de Vries Bakker Visser Mulder van Dijk Hoekstra Kuiper Postma Smit Dekker Brouwer"),
    Country("SE", "Europe/Stockholm", "en", "EUR", 0.05,
            "Elsa Gustav Linnea Oskar Maja Viktor Saga Anton Ebba Nils Frida Axel",
            "Lindqvist Bergström Nyberg Sandberg Ekdahl Holm Sjögren Wallin Hedlund Åkesson"),
    Country("NO", "Europe/Oslo", "en", "EUR", 0.04,
            "Mette Sindre Ingrid Eirik Solveig Lars Astrid Henning Tuva Magnus",
            "Aas Haugen Lund Solberg Brekke Moen Nygård Strand Dahle Tangen"),
    Country("IN", "Asia/Kolkata", "en", "EUR", 0.04,
            "Ananya Rohan Kavya Arjun Meera Vikram Isha Sanjay Divya Nikhil",
            "Raghavan Deshmukh Iyer Malhotra Kulkarni Banerjee Menon Chatterjee Bhatt Reddy"),
    Country("AU", "Australia/Sydney", "en", "EUR", 0.03,
            "Matilda Angus Freya Lachlan Bonnie Heath Tessa Jarrah Georgia Flynn",
            "Fairweather McKay Donovan Lockhart Bourke Stapleton Carmody Redfern Halloran Pike"),
    Country("BR", "America/Sao_Paulo", "en", "EUR", 0.03,
            "Beatriz Rafael Larissa Thiago Camila Gustavo Fernanda Caio Marina Bruno",
            "Azevedo Nogueira Teixeira Carvalho Barros Pacheco Siqueira Moraes Fonseca Duarte"),
]  # fmt: skip


def _words(text: str) -> list[str]:
    return text.split()


STEMS = _words(
    "Meridian Halden Lumen Tidewater Cirrus Nordwall Juno Pallas Vasco Ostara Kestrel Birke Aldine "
    "Amberley Anchorage Arbor Argent Aster Atlas Aurelia Avonmore Basalt Beacon Bellwether Bluefin "
    "Bramble Brightwater Calder Candela Carrick Cascade Cedar Chalk Cobalt Compass Copper Coral Corvid "
    "Crestline Delphi Dovetail Drumlin Eastgate Ebony Elm Ember Fairhaven Falcon Fathom Fennel Ferrow "
    "Fjord Flint Foxglove Garnet Glasswing Granary Greyfriars Harbour Hawthorn Hazel Heron Highfield "
    "Hollybank Horizon Indigo Ironbridge Isar Ivory Jasper Kelpie Keystone Lakeside Lantern Larch "
    "Ledger Linden Lodestar Longshore Lupin Magnolia Mallard Maple Marlow Mistral Moorland Nimbus "
    "Northfold Oakridge Obsidian Onyx Orchard Osprey Otter Palisade Peregrine Petrel Pinewood Pomelo "
    "Quarry Quill Ravel Redwood Ridgeway Rowan Saffron Sable Salix Sandpiper Selkirk Sequoia Silvertree "
    "Skylark Solent Sparrow Stonecrop Sundial Tamarind Tansy Teal Thistle Thornbury Tiller Topaz "
    "Turnstone Umber Valence Verdant Vermilion Wainscot Waypoint Westmark Willow Windrose Wren Yarrow "
    "Zephyr"
)
TRADES = _words(
    "Freight Logistics Analytics Dental Payroll Energy Robotics Legal Retail Foods Insurance Textiles "
    "Health Travel Software Media Optics Pharma Interiors Shipping Finance Mobility Learning Hotels "
    "Diagnostics Packaging Rail Instruments Studios Farms Water Aerospace Staffing Bakeries Outfitters "
    "Brewing Charters Components Credit Homes"
)
TITLES = {
    "sponsor": (
        "VP Operations",
        "Chief Operating Officer",
        "Head of Customer Experience",
        "Managing Director",
    ),
    "buyer": ("Head of Procurement", "Finance Director", "Purchasing Manager"),
    "champion": ("Operations Manager", "Team Lead Service", "Project Manager", "Process Owner"),
    "admin": ("IT Manager", "Systems Administrator", "Application Owner"),
    "user": ("Service Agent", "Coordinator", "Analyst", "Planner", "Clerk"),
}


def company_names(count: int, rng: np.random.Generator) -> list[str]:
    """Return ``count`` different names; a number is added only when stems and trades are used up."""
    pairs = len(STEMS) * len(TRADES)
    order = rng.permutation(pairs)
    # Each stem once before any stem comes again, so that lists do not look alike.
    by_stem: dict[int, list[int]] = {}
    for pair in order:
        by_stem.setdefault(int(pair) // len(TRADES), []).append(int(pair) % len(TRADES))
    stems = rng.permutation(len(STEMS))
    names = []
    for place in range(count):
        stem = int(stems[place % len(STEMS)])
        turn = place // len(STEMS)
        trade = TRADES[by_stem[stem][turn % len(TRADES)]]
        suffix = f" {turn // len(TRADES) + 1}" if turn >= len(TRADES) else ""
        names.append(f"{STEMS[stem]} {trade}{suffix}")
    return names


def pick_country(rng: np.random.Generator) -> Country:
    """Draw a country by its share."""
    shares = np.array([country.share for country in COUNTRIES])
    return COUNTRIES[int(rng.choice(len(COUNTRIES), p=shares / shares.sum()))]


def person_name(country: Country, rng: np.random.Generator) -> str:
    """Draw a first and a last name of the country."""
    last = country.last.replace("de Vries", "de_Vries").replace("van Dijk", "van_Dijk").split()
    return f"{rng.choice(country.first.split())} {rng.choice(last)}".replace("_", " ")


def domain_of(company: str) -> str:
    """Return the company's domain."""
    return f"{company.lower().replace(' ', '-')}.example"


def address_of(person: str, domain: str) -> str:
    """Return a person's address in plain letters."""
    letters = person.lower().translate(_PLAIN)
    words = [
        "".join(letter for letter in word if letter.isascii() and letter.isalpha())
        for word in letters.split()
    ]
    return f"{words[0]}.{''.join(words[1:])}@{domain}"


_PLAIN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e", "ë": "e", "á": "a", "à": "a", "â": "a", "ã": "a",
     "í": "i", "ï": "i", "ó": "o", "õ": "o", "ô": "o", "ú": "u", "ñ": "n", "ç": "c", "å": "a", "ø": "o"}
)  # fmt: skip
