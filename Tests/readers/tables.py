#!/usr/bin/env python3
"""Holds an export (csv, jsonl) against the views of the incident file, value by value.

usage: tables.py DIRECTORY FORMAT INCIDENT
"""
import csv
import json
import sqlite3
import sys

folder, form, path = sys.argv[1:]
incident = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
# io_hop says in another shape what io says, and has no file.
views = [name for (name,) in incident.execute(
    "SELECT name FROM sqlite_master WHERE type = 'view' AND name <> 'io_hop'")]
rows = 0
for view in views:
    cursor = incident.execute(f"SELECT * FROM {view}")
    columns = [column[0] for column in cursor.description]
    with open(f"{folder}/{view}.{form}", newline="", encoding="utf-8") as file:
        if form == "csv":
            lines = csv.reader(file)
            assert next(lines) == columns, f"{view}: columns"
            found = list(lines)
        else:
            found = [json.loads(line) for line in file]
    expected = list(cursor)
    assert len(found) == len(expected), f"{view}: {len(found)} rows, {len(expected)} expected"
    for row, should in zip(found, expected):
        rows += 1
        for column, value in enumerate(should):
            own = row[column] if form == "csv" else row[columns[column]]
            if form == "csv":
                if value is None:
                    value = ""
                elif isinstance(value, float):
                    own = float(own)
                else:
                    value = str(value)
            assert own == value, f"{view}.{columns[column]}: {own!r}, {value!r} expected"
print(f"ok: {len(views)} views, {rows} rows")
