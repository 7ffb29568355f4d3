"""People's names as an international company has them: every field that shows one meets real Unicode."""

import random

# (as written, as in the address); given and family names of one language go together.
_LANGUAGES: list[tuple[list[tuple[str, str]], list[tuple[str, str]], str]] = [
    (
        [
            ("Ann", "ann"),
            ("James", "james"),
            ("Priya", "priya"),
            ("Marcus", "marcus"),
            ("Grace", "grace"),
            ("Noah", "noah"),
        ],
        [
            ("O'Brien", "obrien"),
            ("Whitfield", "whitfield"),
            ("Okafor", "okafor"),
            ("D'Souza", "dsouza"),
            ("Reed-Hall", "reed-hall"),
        ],
        "{given} {family}",
    ),
    (
        [("Zoë", "zoe"), ("Jürgen", "juergen"), ("Käthe", "kaethe"), ("Anke", "anke"), ("Björn", "bjoern")],
        [("Müller", "mueller"), ("Größmann", "groessmann"), ("Lindström", "lindstroem"), ("Þórsson", "thorsson")],
        "{given} {family}",
    ),
    (
        [("Renée", "renee"), ("Inès", "ines"), ("François", "francois"), ("Maël", "mael"), ("Éloïse", "eloise")],
        [("Lefèvre", "lefevre"), ("d'Arcy", "darcy"), ("Béranger", "beranger"), ("Çelik", "celik")],
        "{given} {family}",
    ),
    (
        [("José", "jose"), ("Beatriz", "beatriz"), ("João", "joao"), ("Íñigo", "inigo"), ("Concepción", "concepcion")],
        [("Núñez", "nunez"), ("Conceição", "conceicao"), ("Peña Ibáñez", "pena"), ("Araújo", "araujo")],
        "{given} {family}",
    ),
    (
        [("Łukasz", "lukasz"), ("Agnieszka", "agnieszka"), ("Jiří", "jiri"), ("Šárka", "sarka"), ("Nguyễn", "nguyen")],
        [("Wójcik", "wojcik"), ("Dvořák", "dvorak"), ("Žižka", "zizka"), ("Trần", "tran")],
        "{given} {family}",
    ),
    (
        [("美咲", "misaki"), ("健太", "kenta"), ("陽子", "yoko"), ("大輔", "daisuke")],
        [("佐藤", "sato"), ("髙橋", "takahashi"), ("渡邉", "watanabe"), ("小野", "ono")],
        "{family} {given}",
    ),
    (
        [("伟", "wei"), ("秀英", "xiuying"), ("敏", "min"), ("建国", "jianguo")],
        [("王", "wang"), ("欧阳", "ouyang"), ("李", "li"), ("陈", "chen")],
        "{family}{given}",
    ),
    (
        [("민준", "minjun"), ("서연", "seoyeon"), ("지우", "jiwoo")],
        [("김", "kim"), ("박", "park"), ("최", "choi")],
        "{family}{given}",
    ),
    (
        [("فاطمة", "fatima"), ("محمد", "mohammed"), ("ليلى", "layla"), ("يوسف", "yusuf")],
        [("الحسن", "alhassan"), ("حداد", "haddad"), ("نجار", "najjar")],
        "{given} {family}",
    ),
    (
        [("נועה", "noa"), ("דוד", "david"), ("תמר", "tamar")],
        [("לוי", "levi"), ("כהן", "cohen"), ("פרידמן", "friedman")],
        "{given} {family}",
    ),
    (
        [("Олена", "olena"), ("Дмитро", "dmytro"), ("Αλέξανδρος", "alexandros"), ("Ελένη", "eleni")],
        [("Шевченко", "shevchenko"), ("Коваль", "koval"), ("Παπαδόπουλος", "papadopoulos")],
        "{given} {family}",
    ),
    (
        [("आरव", "aarav"), ("दीपिका", "deepika"), ("Arjun", "arjun"), ("Lakshmi", "lakshmi")],
        [("शर्मा", "sharma"), ("Iyer", "iyer"), ("Subramaniam", "subramaniam")],
        "{given} {family}",
    ),
]


def person(rng: random.Random, taken: set[str]) -> tuple[str, str]:
    """A full name and the local part of an address not taken yet (it is added to `taken`)."""
    given_names, family_names, pattern = rng.choices(_LANGUAGES, [8, 5, 4, 4, 4, 3, 3, 2, 2, 2, 2, 3])[0]
    given, family = rng.choice(given_names), rng.choice(family_names)
    address = f"{given[1]}.{family[1]}"
    number = 2
    while address in taken:
        address = f"{given[1]}.{family[1]}{number}"
        number += 1
    taken.add(address)
    return pattern.format(given=given[0], family=family[0]), address
