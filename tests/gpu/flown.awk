# Whether a run has flown and measured its work: `awk -f flown.awk summary.json`. Of the run's own figures, as the summary has them a line each, time flown, work, energy both ways and
# work per joule must be numbers above zero. Says which are not, and ends with 1.
BEGIN { split("mission_s work_units counter_j integral_j units_per_j", wanted, " ") }
/^  "figures": *\{/ { inside = 1; any = 1 }
/^  "predicted":/ { inside = 0 }
inside && match($0, /"[a-z_]+": [^ ,{]+/) {
    pair = substr($0, RSTART, RLENGTH)
    name = substr(pair, 2, index(pair, "\":") - 2)
    if (!(name in value)) value[name] = substr(pair, index(pair, "\": ") + 3)
}
END {
    if (!any) { print "no figures in the summary, or no summary"; exit 1 }
    for (n = 1; n in wanted; n++) {
        # Asked for by value first, a name would be there from then on.
        if (!(wanted[n] in value)) value[wanted[n]] = "absent"
        if (value[wanted[n]] + 0 > 0) continue
        missing = missing " " wanted[n] "=" value[wanted[n]]
    }
    if (missing) { print "it did not fly, or not all was measured:" missing; exit 1 }
}
