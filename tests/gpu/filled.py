"""Which accelerator columns of a samples.csv hold values, how many, and their range."""

import csv
import sys

for path in sys.argv[1:]:
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    print(f"{path}: {len(rows)} rows")
    for name in rows[0] if rows else []:
        if name.startswith(("accel_", "work_")) and not name.endswith("_quality"):
            values = [float(r[name]) for r in rows if r[name]]
            span = f"{min(values):.6g} to {max(values):.6g}" if values else "-"
            print(f"  {name:<32} {len(values):>6} {span}")
