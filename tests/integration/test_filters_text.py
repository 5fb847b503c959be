"""Text operators mean the same everywhere: signs, case, newlines, limits, and what is refused."""

import random
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.reference import TEXTS

SIGNS = ["%", "_", "\\", "*", "?", "[", "]", "[]", "^", "$", ".", "'", '"', "\\%", "a%b_c\\d", "[a]", "{2}", "#", " "]

ESCAPE = "an escape that is not portable"
GROUP = "look-around, named and atomic groups and flags behind the beginning are not portable"
TWICE = "a second quantifier: lazy and possessive ones are not portable"
AMBIGUOUS = "repeats what can match the same text in more than one way"
# What is not in the portable part -> the character it is refused at, and why.
NOT_PORTABLE = {
    "(a)\\1": (5, ESCAPE),
    "a(?=b)": (4, GROUP),
    "(?<!a)b": (3, GROUP),
    "a(?i)b": (4, GROUP),
    "(?u)a": (3, GROUP),
    "(?P<name>a)": (3, GROUP),
    "(?>a)": (3, GROUP),
    "\\ba": (2, ESCAPE),
    "\\pL": (2, ESCAPE),
    "\\x41": (2, ESCAPE),
    "a*?": (3, TWICE),
    "a++": (3, TWICE),
    "[[:alpha:]]": (2, "a `[` inside a class; write `\\[` for the character"),
    "[]": (2, "an empty class; write `\\]` for the character"),
    "[z-a]": (4, "a range whose end lies before its beginning"),
    "a{,2}": (3, "a count is written {m}, {m,} or {m,n}; write `\\{` for the character"),
    "a{2,1}": (6, "a count whose end lies before its beginning"),
    "(a": (3, "a `(` without its `)`"),
    "a)": (2, "a `)` without its `(`"),
    "*": (1, "a quantifier with nothing to repeat"),
    "^*": (1, "a repeated anchor"),
    "(a+)+": (1, AMBIGUOUS),
    "(a|a)*": (1, AMBIGUOUS),
    "(a*)*b": (1, AMBIGUOUS),
}


class Note:
    no: int
    text: str | None = None
    size: int | None = None


def notes(db: DataFlow, texts: list[str]) -> Table[Any]:
    table = fresh(db, Note)
    table.bulk_create([{"no": no, "text": text} for no, text in enumerate(texts)])
    return table


def found(table: Table[Any], operator: str, operand: str) -> list[str]:
    return [row.text for row in table.list({"text": {operator: operand}}, order_by="no", limit=None)]


def test_signs_are_taken_as_they_are(db: DataFlow) -> None:
    texts = [*SIGNS, *(f"x{sign}y" for sign in SIGNS), "x", ""]
    table = notes(db, texts)
    for sign in SIGNS:
        escaped = "".join(f"\\{letter}" for letter in sign)
        for operator, operand in [
            ("$contains", sign),
            ("$startsWith", sign),
            ("$endsWith", sign),
            ("$like", escaped),
            ("$ilike", f"%{escaped}%"),
        ]:
            expected = [text for text in texts if TEXTS[operator](text, operand)]
            assert found(table, operator, operand) == expected, (operator, operand)
            assert expected


def test_escaped_signs_of_regular_expressions_are_themselves(db: DataFlow) -> None:
    signs = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "
    table = notes(db, list(signs))
    for sign in signs:
        assert found(table, "$regex", f"^\\{sign}$") == [sign]
        assert found(table, "$regex", f"^[\\{sign}]$") == [sign]
        assert found(table, "$regex", f"^[^\\{sign}]$") == [other for other in signs if other != sign]


def test_letters_are_folded_by_their_simple_lower_case(db: DataFlow) -> None:
    letters = [
        "k",
        "K",
        "\u212a",
        "\u00e4",
        "\u00c4",
        "i",
        "I",
        "\u0131",
        "\u0130",
        "s",
        "S",
        "\u017f",
        "\u00df",
        "\u1e9e",
    ]
    letters += [
        "\u03c3",
        "\u03a3",
        "\u03c2",
        "\u0441",
        "\u0421",
        "\u01c4",
        "\u01c5",
        "\u01c6",
        "\U00010400",
        "\U00010428",
        "ss",
    ]
    table = notes(db, letters)
    groups = [
        "kK\u212a",
        "\u00e4\u00c4",
        "iI\u0130",
        "\u0131",
        "sS",
        "\u017f",
        "\u00df\u1e9e",
        "\u03c3\u03a3",
        "\u03c2",
    ]
    groups += ["\u0441\u0421", "\u01c4\u01c5\u01c6", "\U00010400\U00010428"]
    assert {letter for group in groups for letter in group} == {*letters} - {"ss"}
    for group in groups:
        for letter in group:
            alike = [other for other in letters if other in group]
            assert found(table, "$ilike", letter) == alike, letter
            assert [other for other in found(table, "$icontains", letter) if other != "ss"] == alike, letter
            query = {"text": {"$regex": f"^[{letter}]$", "$options": "i"}}
            assert [row.text for row in table.list(query, order_by="no", limit=None)] == alike, letter
            assert found(table, "$regex", f"[{letter}]") == [other for other in letters if letter in other]
    for operator in ("$contains", "$startsWith", "$endsWith", "$like"):
        assert found(table, operator, "k") == ["k"]


def test_options_of_a_regex_mean_the_same(db: DataFlow) -> None:
    texts = ["a", "A\n", "\na", "b\nA\nb", "a b", "ab", "a#b", "a\nb", "\u212a\nk"]
    table = notes(db, texts)
    cases = [
        ("^a$", "i", ["a"]),
        ("^a$", "m", ["a", "\na", "a\nb"]),
        ("^a$", "im", ["a", "A\n", "\na", "b\nA\nb", "a\nb"]),
        ("^$", "m", ["A\n", "\na"]),
        ("a.b", "s", ["a b", "a#b", "a\nb"]),
        ("a . b", "x", ["a b", "a#b"]),
        ("a b # no more", "x", ["ab"]),
        ("(?i)^a$", "", ["a"]),
        ("(?m:^)b(?m:$)", "", ["b\nA\nb", "a\nb"]),
        ("^k\\nK$", "i", ["\u212a\nk"]),
        ("^(?i:A) b", "", ["a b"]),
    ]
    for pattern, options, expected in cases:
        query: dict[str, Any] = {"text": {"$regex": pattern, "$options": options}}
        assert [row.text for row in table.list(query, order_by="no")] == expected, (pattern, options)


def test_an_accent_is_a_character_of_its_own(db: DataFlow) -> None:
    table = notes(db, ["e\u0301", "\u00e9", "\U0001f600"])
    assert found(table, "$like", "_") == ["\u00e9", "\U0001f600"]
    assert found(table, "$like", "__") == ["e\u0301"]
    assert found(table, "$ilike", "__") == ["e\u0301"]
    assert found(table, "$regex", "^.$") == ["\u00e9", "\U0001f600"]
    assert found(table, "$regex", "^e.$") == ["e\u0301"]


def test_newlines_and_ends(db: DataFlow) -> None:
    texts = ["a", "a\n", "\na", "a\nb", "a\r", "\n"]
    table = notes(db, texts)
    assert found(table, "$regex", "a$") == ["a", "\na"]
    assert found(table, "$regex", "^a") == ["a", "a\n", "a\nb", "a\r"]
    assert found(table, "$regex", "a.") == ["a\r"]
    assert found(table, "$regex", "^.$") == ["a"]
    assert found(table, "$regex", "a[^x]") == ["a\n", "a\nb", "a\r"]
    assert found(table, "$regex", "a\\n$") == ["a\n"]
    assert found(table, "$regex", "^\\s$") == ["\n"]
    assert found(table, "$like", "a_") == ["a\n", "a\r"]
    assert found(table, "$ilike", "A_") == ["a\n", "a\r"]
    assert found(table, "$endsWith", "a") == ["a", "\na"]


def test_short_classes_know_ascii_only(db: DataFlow) -> None:
    table = notes(db, ["1", "\u0663", "_", "\u00e4", " ", "\u00a0", "\t", "\u2028", "-"])
    assert found(table, "$regex", "\\d") == ["1"]
    assert found(table, "$regex", "\\w") == ["1", "_"]
    assert found(table, "$regex", "\\s") == [" ", "\t"]
    assert found(table, "$regex", "[^\\W\\d]") == ["_"]
    assert found(table, "$regex", "[\\D]") == ["\u0663", "_", "\u00e4", " ", "\u00a0", "\t", "\u2028", "-"]


def test_every_ascii_character_stands_for_itself_in_a_class(db: DataFlow) -> None:
    letters = [chr(code) for code in range(1, 128)]
    table = notes(db, letters)
    rng = random.Random(4)
    for _ in range(50):
        chosen = rng.sample([letter for letter in letters if not letter.isalnum()], 6)
        pattern = f"[{''.join(f'{chr(92)}{letter}' for letter in chosen)}]"
        assert found(table, "$regex", pattern) == [letter for letter in letters if letter in chosen], pattern


@pytest.mark.parametrize("pattern", NOT_PORTABLE)
def test_what_is_not_portable_is_refused_the_same_everywhere(db: DataFlow, pattern: str) -> None:
    with pytest.raises(errors.InvalidFilterError) as refused:
        fresh(db, Note).count({"$or": [{"text": {"$regex": pattern}}]})
    assert refused.value.path == "filter.$or[0].text.$regex"
    character, reason = NOT_PORTABLE[pattern]
    # No more than that: an operand may be a secret.
    assert refused.value.message == f"character {character} of the $regex: {reason}"


def test_operators_are_refused_where_they_do_not_belong(db: DataFlow) -> None:
    table = fresh(db, Note)
    cases: list[tuple[dict[str, Any], type[errors.DataFlowError], str]] = [
        ({"size": {"$like": "a"}}, errors.InvalidFilterError, "filter.size.$like"),
        ({"size": {"$regex": "a"}}, errors.InvalidFilterError, "filter.size.$regex"),
        ({"text": {"$contains": 1}}, errors.WrongTypeError, "filter.text.$contains"),
        ({"text": {"$startsWith": None}}, errors.InvalidFilterError, "filter.text.$startsWith"),
        ({"text": {"$like": "a\\"}}, errors.InvalidFilterError, "filter.text.$like"),
        ({"text": {"$ilike": "a\0"}}, errors.NulCharacterError, "filter.text.$ilike"),
        ({"text": {"$exists": 1}}, errors.InvalidFilterError, "filter.text.$exists"),
        ({"text": {"$options": "i"}}, errors.InvalidFilterError, "filter.text.$options"),
        ({"text": {"$regex": "a", "$options": "u"}}, errors.InvalidFilterError, "filter.text.$options"),
        ({"text": {"$ilike": "k" * 1_001}}, errors.LimitExceededError, "filter.text.$ilike"),
        ({"text": {"$Like": "a"}}, errors.UnknownOperatorError, "filter.text.$Like"),
        ({"text": {"$like": "a" * 10_001}}, errors.LimitExceededError, "filter.text.$like"),
        ({"text": {"$like": "%a" * 101}}, errors.LimitExceededError, "filter.text.$like"),
        ({"text": {"$regex": "a" * 1_001}}, errors.LimitExceededError, "filter.text.$regex"),
        ({"text": {"$regex": "a{256}"}}, errors.LimitExceededError, "filter.text.$regex"),
        ({"text": {"$regex": "(" * 33 + ")" * 33}}, errors.LimitExceededError, "filter.text.$regex"),
    ]
    for condition, error, path in cases:
        with pytest.raises(error) as refused:
            table.count(condition)
        assert refused.value.path == path


def test_the_largest_patterns_are_taken(db: DataFlow) -> None:
    letters = ["a", "\u00e4", "\U0001f600", "%", "*", "[", "\\", "'"]
    table = notes(db, [letter * 10_000 for letter in letters])
    for letter in letters:
        operand = f"\\{letter}" if letter in "%\\" else letter
        longest = operand * (10_000 // len(operand))
        for operator in ("$like", "$ilike"):
            assert len(found(table, operator, f"{longest[:-2]}%")) == 1, (operator, letter)
        assert len(found(table, "$contains", letter * 10_000)) == 1, letter
    runs = "%a" * 99 + "%b"
    assert found(table, "$like", runs) == []
    assert found(table, "$ilike", runs) == []
    assert len(found(table, "$like", "_" * 9_999 + "%")) == len(letters)
    assert len(found(table, "$ilike", "_" * 9_999 + "%")) == len(letters)


def test_the_largest_regular_expressions_are_taken(db: DataFlow) -> None:
    table = notes(db, ["a" * 999, "\u00e4\u20ac" * 499])
    for pattern, expected in [
        ("a" * 999, 1),
        ("." * 998, 2),
        ("[^\u20ac]{124}" * 4, 1),
        ("[^a]{249}" * 4, 1),
        ("([\u00e0-\u00ef][^a-z]){199}", 1),
        ("(a[^\u20ac])" * 60 + "(a[^b]){255}", 1),
        ("|".join(f"[{chr(192 + at)}]{{3}}" for at in range(100)), 0),
        ("(" * 32 + "a" + ")" * 32, 1),
        ("a" + "|" * 998, 2),
    ]:
        assert len(found(table, "$regex", pattern)) == expected, pattern


def test_a_hopeless_search_ends_with_an_answer_or_an_error(database: Database, db: DataFlow) -> None:
    table = notes(db, ["ab" * 20_000, "b", "ab" * 20_000 + "d"])
    for pattern in ("a.*a.*a.*c|d", "a.*c|d"):
        if database.kind == "mariadb":
            with pytest.raises(errors.LimitExceededError):
                found(table, "$regex", pattern)
        else:
            assert len(found(table, "$regex", pattern)) == 1
    assert len(found(table, "$ilike", "%A%C%D%")) == 0
    assert table.count({"text": {"$regex": "^b"}}) == 1
