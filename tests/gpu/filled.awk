# Which accelerator columns of a samples.csv hold values, how many, and their range: `awk -f filled.awk samples.csv`.
# Cells are plain numbers or words without commas (see the run folder's contract), so that a comma always parts two.
BEGIN { FS = "," }
NR == 1 {
    width = NF
    for (column = 1; column <= NF; column++) {
        names[column] = $column
        wanted[column] = $column ~ /^(accel|work)_/ && $column !~ /_(quality|origin)$/
    }
    next
}
{
    for (column = 1; column <= width; column++) {
        if (!wanted[column] || $column == "") continue
        value = $column + 0
        if (!filled[column]++ || value < least[column]) least[column] = value
        if (filled[column] == 1 || value > most[column]) most[column] = value
    }
}
END {
    printf "%s: %d rows\n", FILENAME, NR - 1
    for (column = 1; column <= width; column++) {
        if (!wanted[column]) continue
        if (filled[column]) printf "  %-32s %6d %.6g to %.6g\n", names[column], filled[column], least[column], most[column]
        else printf "  %-32s %6d -\n", names[column], 0
    }
}
