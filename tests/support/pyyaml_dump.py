"""The real PyYAML as the other side of tests/yaml_pyyaml.rs.

dump: JSON array of values on stdin -> JSON array of the texts that safe_dump writes.
load: JSON array of texts on stdin -> JSON array of readings.
random SEED COUNT: JSON array of [text, reading], made here: random trees dumped under several styles, mutated texts, and
random pieces of YAML.

A reading is null if PyYAML refuses the text or the value has no JSON form, else {"value": V} with floats as {"f": text},
integers as {"i": digits} and maps as {"m": [[key, V], ...]}, so that nothing is lost on the way. Timestamps stay strings, as
in the official client.
"""

import json
import random
import sys

import yaml


class Loader(yaml.SafeLoader):
    pass


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class NoJson(Exception):
    pass


def tagged(value, depth=0):
    if depth > 100:
        raise NoJson("too deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise NoJson("lone surrogate")
        return value
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        return {"f": repr(value)}
    if isinstance(value, list):
        return [tagged(item, depth + 1) for item in value]
    if isinstance(value, dict):
        pairs = [[key if isinstance(key, str) else json.dumps(key), tagged(item, depth + 1)] for key, item in value.items()]
        if len({key for key, _ in pairs}) != len(pairs):
            raise NoJson("two keys with one text")
        return {"m": pairs}
    raise NoJson(type(value).__name__)


def reading(text):
    try:
        return {"value": tagged(yaml.load(text, Loader))}
    except RecursionError:
        return None
    except (yaml.YAMLError, NoJson, ValueError, TypeError, KeyError, IndexError, OverflowError):
        return None


WORDS = [
    "yes", "No", "on", "OFF", "true", "null", "~", "Null", "y", "n", "=", "<<", "1", "-1", "+1", "0", "007", "08", "010", "0o17",
    "1_000", "0x1F", "-0x1f", "0b101", "0b_", "0x_", "1e3", "1.5e3", "1.5e+3", "1.", ".5", "+.5", "-.5", "1_0.5", ".inf", "-.INF",
    ".nan", ".NaN", "12:30:45", "1:20", "08:30", "24:61", "190:20:30.15", "-1:30", "1:2:", "2024-01-15", "2024-1-5", "1__0", "0_",
    "2024-01-15T10:30:00Z", "2024-01-15 10:30:00", "20240115", "-", "---", "...", "?", ":", "a:", "a: b", "a #b", "#a", "&x a",
    "*x", "!a", "!!str 1", "!!int 0x10", "!!float 1", "! 12", "|", ">", "@", "`", "%", "{", "}", "[", "]", ",", "'", '"', "it's",
    "\\", "\\n", "name", "rule_type", "isNotNull", "SELECT * FROM t WHERE a = 'b'", "123456789012345678901234567890", "[a, b]",
    "{a: 1}", "[]", "{}", "é", "日本語", "\U0001f600", "\u200b", "\u00a0", "lorem ipsum dolor sit amet", "", " ", "  ", "\t",
]


def piece(r):
    kind = r.random()
    if kind < 0.7:
        return r.choice(WORDS)
    if kind < 0.85:
        return "".join(r.choice("abz 01.:-_#'\"\\,[]{}\té\n") for _ in range(r.randrange(12)))
    return " ".join(r.choice(WORDS[-40:]) for _ in range(r.randrange(2, 30)))


def tree(r, depth=0):
    kind = r.random()
    if depth < 4 and kind < 0.3:
        return {piece(r): tree(r, depth + 1) for _ in range(r.randrange(5))}
    if depth < 4 and kind < 0.5:
        return [tree(r, depth + 1) for _ in range(r.randrange(5))]
    if kind < 0.8:
        return piece(r)
    return r.choice([None, True, False, r.randrange(-10**6, 10**6), r.random() * 10 ** r.randrange(-9, 20), 10**25])


def dumped(r):
    return yaml.safe_dump(
        tree(r),
        sort_keys=False,
        allow_unicode=r.random() < 0.7,
        default_flow_style=r.choice([False, False, None, True]),
        default_style=r.choice([None, None, None, "'", '"', "|", ">"]),
        width=r.choice([20, 80, 200]),
        indent=r.choice([2, 4]),
        explicit_start=r.random() < 0.1,
    )


def mutated(r, text):
    chars = list(text)
    for _ in range(r.randrange(1, 4)):
        at = r.randrange(len(chars) + 1)
        kind = r.random()
        if kind < 0.4 and at < len(chars):
            del chars[at]
        elif kind < 0.8:
            chars.insert(at, r.choice(list(" \n:-#'\"[]{},&*!|>%@?~<=ax1") + ["  ", ": ", "- ", "\n- ", "<<: ", "&a ", "*a", "!!str "]))
        else:
            other = r.randrange(len(chars) + 1)
            chars[min(at, other) : max(at, other)] = []
    return "".join(chars)


def composed(r):
    lines = []
    for _ in range(r.randrange(1, 8)):
        indent = " " * r.choice([0, 0, 0, 2, 2, 4])
        head = r.choice(["", "- ", "%s: " % r.choice(WORDS), "a: ", "b: ", "<<: ", "- a: ", "? "])
        tail = r.choice([r.choice(WORDS), r.choice(WORDS), "&a %s" % r.choice(WORDS), "*a", "|", ">-", "", "{a: %s}" % r.choice(WORDS)])
        lines.append(indent + head + tail)
    return "\n".join(lines) + r.choice(["\n", ""])


def main():
    mode = sys.argv[1]
    if mode == "dump":
        out = [
            yaml.safe_dump(value, default_flow_style=False, sort_keys=False, allow_unicode=True)
            for value in json.load(sys.stdin)
        ]
    elif mode == "load":
        out = [reading(text) for text in json.load(sys.stdin)]
    elif mode == "random":
        r = random.Random(int(sys.argv[2]))
        out = []
        for _ in range(int(sys.argv[3])):
            kind = r.choice(["dumped", "mutated", "composed"])
            text = dumped(r) if kind == "dumped" else mutated(r, dumped(r)) if kind == "mutated" else composed(r)
            out.append([kind, text, reading(text)])
    else:
        raise SystemExit("mode: dump, load or random")
    json.dump({"pyyaml": yaml.__version__, "out": out}, sys.stdout)


main()
