#!/usr/bin/env python3
"""Makes the tables of docs/speed.md out of the results in bench/results, and leaves the text between them alone.

usage: speed.py [--check]

A table stands between `<!-- results: NAME -->` and `<!-- end of results -->`; NAME is that of a file, NAME.json. Those
that bench.py writes (`bench.py --results bench/results`) hold comparisons and figures; a table that was measured by hand
is there as it is: `columns`, a letter for each in `align` (l or r), and `rows`.

With --check nothing is written. Exit status: 0 the page is what the results say; 1 with --check, it is not; 2 there is no
such result.
"""
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "speed.md")
RESULTS = os.path.join(ROOT, "bench", "results")
PLACE = re.compile(r"(<!-- results: ([a-z0-9-]+) -->\n)(.*?)(<!-- end of results -->)", re.S)


def seconds(value):
    return "%.2f s" % value if value < 100 else "%.0f s" % value


def ratio(value):
    return "%.3f" % value if value < 1 else "%.2f" % value if value < 10 else "%.1f" % value


def table(columns, align, rows):
    def line(cells):
        return "|" + "".join(" %s |" % cell if cell else " |" for cell in cells)
    return "\n".join([line(columns), "|" + "|".join("---:" if side == "r" else "---" for side in align) + "|"]
                     + [line(row) for row in rows]) + "\n"


def met(row, value):
    return "" if row.get("goal") is None else "yes" if value <= row["goal"] else "no"


def comparisons(rows):
    found, former = [], None
    for row in rows:
        ours = [row["work"], seconds(row["ours_s"])] if row["work"] != former else ["", ""]
        former = row["work"]
        goal = "" if row.get("goal") is None else "%g" % row["goal"]
        found.append(ours + [row["against"], seconds(row["theirs_s"]), ratio(row["ratio"]), goal, met(row, row["ratio"])])
    return table(["work", "ours", "against", "theirs", "ratio", "goal", "met"], "lrlrrrl", found)


def figures(rows):
    def text(row, value):
        return "%s %s" % (("%" + row.get("format", "g")) % value, row["unit"]) if row["unit"] else \
            ("%" + row.get("format", "g")) % value
    found = [[row["figure"], text(row, row["value"]), "" if row.get("goal") is None else "%g %s" % (
        row["goal"], row["unit"]) if row["unit"] else "%g" % row["goal"], met(row, row["value"])] for row in rows]
    return table(["figure", "measured", "goal", "met"], "lrrl", [[cell.strip() for cell in row] for row in found])


def text(name):
    with open(os.path.join(RESULTS, name + ".json")) as file:
        result = json.load(file)
    if "rows" in result:
        return table(result["columns"], result["align"], result["rows"])
    parts = []
    if result.get("comparisons"):
        parts.append(comparisons(result["comparisons"]))
    if result.get("figures"):
        parts.append(figures(result["figures"]))
    return "\n".join(parts)


def main():
    with open(PAGE) as file:
        page = file.read()
    try:
        made = PLACE.sub(lambda place: place[1] + text(place[2]) + place[4], page)
    except OSError as error:
        print("speed: %s" % error, file=sys.stderr)
        return 2
    if "--check" in sys.argv[1:]:
        return 0 if made == page else 1
    with open(PAGE, "w") as file:
        file.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
