"""What `oracle.py` reads: `run.toml` and `samples.csv` of a run folder.

For: finding the copies of profile and rig, the plan's figures and the columns, and refusing by name what is missing.

Not: any judgement of what was read. A missing cell is NaN and stays so; it is never 0.
"""

import csv
import tomllib
from pathlib import Path

import numpy as np


class Unusable(Exception):
    """The folder lacks something without which nothing can be said."""


def table(parent, name):
    if not isinstance(parent.get(name), dict):
        raise Unusable(f"run.toml: the table [{name}] of profile or rig is missing")
    return parent[name]


def number(parent, key):
    if isinstance(parent.get(key), bool) or not isinstance(parent.get(key), (int, float)):
        raise Unusable(f"run.toml: the number {key!r} is missing")
    return float(parent[key])


def word(parent, key):
    if not isinstance(parent.get(key), str):
        raise Unusable(f"run.toml: the word {key!r} is missing")
    return parent[key]


def seek(tree, key):
    """The value of `key` in `tree` or, failing that, anywhere below it; None if nowhere."""
    if key in tree:
        return tree[key]
    below = (seek(v, key) for v in tree.values() if isinstance(v, dict))
    return next((v for v in below if v is not None), None)


def copied(manifest, name, landmark):
    """The profile or rig copied into run.toml, as text or as a table that holds `landmark`."""
    for tree in (manifest, manifest.get("plan", {})):
        found = tree.get(name)
        if isinstance(found, dict) and isinstance(found.get("text"), str):
            found = found["text"]
        if isinstance(found, str) and "\n" in found:
            try:
                found = tomllib.loads(found)
            except tomllib.TOMLDecodeError as error:
                raise Unusable(f"run.toml: the copied {name}: {error}") from error
        if isinstance(found, dict) and landmark in found:
            return found
    raise Unusable(f"run.toml: no copy of the {name} (expected [{name}] text = '''...''' with a table [{landmark}])")


class Run:
    """A folder's manifest and samples; a missing cell is NaN and stays so."""

    def __init__(self, folder):
        folder = Path(folder)
        try:
            manifest = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
            with open(folder / "samples.csv", newline="", encoding="utf-8") as file:
                reader = csv.reader(file)
                header = next(reader, [])
                # A torn last row has too few cells.
                self.rows = [row for row in reader if len(row) == len(header)]
        except (OSError, ValueError, csv.Error) as error:
            raise Unusable(f"reading {folder}: {error}") from error
        self.name, self.place = folder.name, {name: i for i, name in enumerate(header)}
        self.profile, self.rig = copied(manifest, "profile", "orbit"), copied(manifest, "rig", "plant")
        plan = {}
        for key in ("share", "full_w", "idle_w", "duration_s"):
            plan[key] = seek(manifest.get("plan", {}), key)
            plan[key] = seek(manifest, key) if plan[key] is None else plan[key]
        self.share, self.full, self.idle, self.duration = (number(plan, key) for key in plan)
        self.simulated = manifest.get("simulated")
        for name in ("state", "mission_s", "bench_s", "segment"):
            if name not in self.place:
                raise Unusable(f"samples.csv: no column {name}")
        self.mission, self.bench, self.segment = (self.column(n) for n in ("mission_s", "bench_s", "segment"))
        state = np.array([row[self.place["state"]] for row in self.rows])
        self.running = (state == "running") & np.isfinite(self.mission)
        if self.running.sum() < 10:
            raise Unusable("samples.csv: fewer than ten running rows")
        first, last = np.flatnonzero(self.running)[[0, -1]]
        self.flown = slice(first, last + 1)

    def column(self, name):
        """A column as floats, NaN where a cell is empty; all NaN if there is no such column."""
        if name not in self.place:
            return np.full(len(self.rows), np.nan)
        at = self.place[name]
        try:
            return np.array([float(row[at]) if row[at].strip() else np.nan for row in self.rows])
        except ValueError as error:
            raise Unusable(f"samples.csv: column {name}: {error}") from error
