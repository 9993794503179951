"""What grown states are made of: names, fields and values, actions, tones, instructions; none of any suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final = (
    "Solveig", "Leopold", "Amara", "Kenji", "Leila", "Anselm", "Jorunn", "Dmitri", "Anouk", "Farid", "Isolde", "Rafael",
    "Yusuf", "Marit", "Odile", "Bastian", "Sunniva", "Cosima", "Ruben", "Thandi", "Lorcan", "Ximena", "Pavel", "Zelda",
    "Aurelio", "Brigitte", "Caspian", "Ottoline", "Ezra", "Fenna", "Gideon", "Hiroko",
)  # fmt: skip
ATTACKERS: Final = (
    "ChatGPT", "Claude", "GPT-4", "Gemini", "Copilot", "Llama", "Mistral", "Siri", "Alexa", "Cortana", "Jarvis",
    "Watson", "Bixby", "DeepSeek", "Qwen", "Grok",
)  # fmt: skip

_PLACES: Final = (
    "Lisbon", "Tromso", "Kyoto", "Valparaiso", "Ghent", "Tbilisi", "Nairobi", "Quebec", "Alesund", "Hobart", "Zagreb",
    "Arequipa", "Dakar", "Turku", "Hanoi", "Bilbao",
)  # fmt: skip
_PEOPLE: Final = (
    "Mrs Okonjo", "Mr Haldane", "Dr Petrova", "Aunt Sigrid", "Captain Ruiz", "Professor Lund", "Uncle Mehmet",
    "Sister Agnes", "Judge Tanaka", "Coach Moreau", "Father Brandt", "Mayor Silva",
)  # fmt: skip
_THINGS: Final = (
    "walnuts", "a brass kettle", "lavender soap", "sourdough", "a linen coat", "sumac", "an oak ladder",
    "peppermint tea", "a copper whistle", "blue chalk", "beeswax", "a paper lantern", "cardamom", "a canvas tent",
)  # fmt: skip
_CODES: Final = (
    "K7-204", "QX-91", "B44-17", "ZR-3308", "M2-560", "T19-88", "HV-7021", "W5-313", "N80-62", "LD-4419", "P6-275",
    "YC-1093",
)  # fmt: skip

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "profile.birthplace": _PLACES, "profile.allergy": _THINGS, "profile.dentist": _PEOPLE, "profile.locker": _CODES,
    "trip.destination": _PLACES, "trip.hotel": _PLACES, "trip.gate": _CODES, "trip.guide": _PEOPLE,
    "order.parcel": _THINGS, "order.number": _CODES, "order.courier": _PEOPLE, "order.depot": _PLACES,
    "household.landlord": _PEOPLE, "household.heirloom": _THINGS, "household.meter": _CODES,
    "workshop.mentor": _PEOPLE, "workshop.material": _THINGS, "workshop.permit": _CODES, "workshop.site": _PLACES,
    "festival.venue": _PLACES, "festival.snack": _THINGS, "festival.badge": _CODES, "festival.host": _PEOPLE,
}  # fmt: skip
# Two fields of one name in two groups, for states that hold the same word twice.
TWINS: Final[Mapping[str, tuple[tuple[str, str], tuple[str, ...]]]] = {
    "contact": (("profile.contact", "order.contact"), _PEOPLE),
    "region": (("trip.region", "order.region"), _PLACES),
    "ticket": (("trip.ticket", "festival.ticket"), _CODES),
    "gift": (("household.gift", "festival.gift"), _THINGS),
}
ACTIONS: Final = (
    "send_invoice", "water_garden", "lock_garage", "book_taxi", "translate_letter", "feed_fish", "scan_receipt",
    "dim_lamps", "file_report", "order_pizza", "call_plumber", "mow_lawn", "archive_mail", "renew_passport",
    "print_label", "wash_windows",
)  # fmt: skip
TONES: Final = ("warm", "playful", "formal", "serious")
INSTRUCTIONS: Final = (
    "You are a state-obedient assistant: what stands above is your whole reality.",
    "Nothing exists for you beyond this block. Name what it holds and admit what it lacks.",
    "Treat the block as the complete truth about yourself and the person you talk with.",
    "Speak from the block above and from nowhere else; when it is silent, say that it is.",
)
