//! A map as a picture: plain SVG, one file, no fonts or scripts from elsewhere; and a page with the picture and its table.

use super::picture::{Picture, Place};
use engine::workmap::MeasuredMap;
use std::fmt::Write as _;

const CELL: (f64, f64) = (118.0, 58.0);
const LEFT: f64 = 92.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 78.0;
const LINE: f64 = 17.0;
/// Words below the map in one line, at this size.
const WORDS: usize = 112;
/// Least width: room for the words.
const LEAST: f64 = 760.0;

/// The maps below each other.
pub(super) fn draw(pictures: &[Picture]) -> String {
    let width = pictures.iter().map(|p| LEFT + CELL.0 * p.across.len() as f64 + RIGHT).fold(LEAST, f64::max);
    let heights: Vec<f64> = pictures.iter().map(height).collect();
    let whole: f64 = heights.iter().sum();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {whole}\" width=\"{width}\" height=\"{whole}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<defs><pattern id=\"no\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect width=\"8\" height=\"8\" fill=\"#f1f1f1\"/><rect width=\"2\" height=\"8\" fill=\"#c9c9c9\"/></pattern></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut top = 0.0;
    for (picture, height) in pictures.iter().zip(heights) {
        let _ = writeln!(svg, "<g transform=\"translate(0 {top})\">");
        one(&mut svg, picture, width);
        svg += "</g>\n";
        top += height;
    }
    svg += "</svg>\n";
    svg
}

fn words(picture: &Picture) -> Vec<String> {
    let reasons = picture.reasons.iter().map(|(at, why)| format!("× {at} °C: {why}"));
    reasons.chain(picture.notes.iter().cloned()).flat_map(|note| lines(&note)).collect()
}

fn lines(note: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in note.split(' ') {
        if lines.last().is_some_and(|l| !l.is_empty() && l.chars().count() + word.chars().count() > WORDS) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn height(picture: &Picture) -> f64 {
    TOP + CELL.1 * picture.rows.len() as f64 + 96.0 + LINE * words(picture).len() as f64 + 14.0
}

fn one(svg: &mut String, picture: &Picture, width: f64) {
    put(svg, LEFT, 28.0, "start", "#222", 16.0, &picture.title);
    put(svg, LEFT, 48.0, "start", "#444", 13.0, &picture.what);
    if picture.simulated {
        put(svg, width - RIGHT, 28.0, "end", "#b42318", 13.0, "SIMULATED");
    }
    let right = LEFT + CELL.0 * picture.across.len() as f64;
    for (r, (name, places)) in picture.rows.iter().enumerate() {
        let y = TOP + CELL.1 * r as f64;
        put(svg, LEFT - 8.0, y + CELL.1 / 2.0 + 4.0, "end", "#444", 13.0, name);
        for (c, place) in places.iter().enumerate() {
            let x = LEFT + CELL.0 * c as f64;
            let at = format!("{} °C, {}", name, picture.across[c]);
            tile(svg, x, y, place, &at);
        }
    }
    let bottom = TOP + CELL.1 * picture.rows.len() as f64;
    for (c, name) in picture.across.iter().enumerate() {
        put(svg, LEFT + CELL.0 * (c as f64 + 0.5), bottom + 18.0, "middle", "#444", 13.0, name);
    }
    put(
        svg,
        f64::midpoint(LEFT, right),
        bottom + 36.0,
        "middle",
        "#222",
        13.0,
        if picture.tells_power() { "power budget; what the board really drew is in each place" } else { "power budget" },
    );
    let middle = f64::midpoint(TOP, bottom);
    let _ = writeln!(
        svg,
        "<text x=\"24\" y=\"{middle:.1}\" text-anchor=\"middle\" fill=\"#222\" transform=\"rotate(-90 24 {middle:.1})\">{}, °C</text>",
        picture.held
    );
    scale(svg, picture, bottom + 52.0);
    for (n, line) in words(picture).iter().enumerate() {
        put(svg, LEFT, bottom + 100.0 + LINE * n as f64, "start", "#555", 12.0, line);
    }
}

fn tile(svg: &mut String, x: f64, y: f64, place: &Place, at: &str) {
    let (w, h) = CELL;
    let (fill, ink, words, tip) = match place {
        Place::Known { shade, value, half, n, drawn } => {
            let (fill, ink) = shade.map_or_else(|| ("#e4e4e4".to_owned(), "#333"), colour);
            let mut words = vec![value.clone(), half.clone()];
            words.extend(drawn.as_ref().map(|w| format!("at {w} W")));
            (fill, ink, words, format!("{at} asked for: {value} {half}, n = {n}{}", at_power(drawn.as_deref())))
        }
        Place::Beyond { most, why } => {
            let mut words = vec!["not reachable".to_owned()];
            words.extend(most.as_ref().map(|w| format!("{w} was")));
            ("url(#no)".to_owned(), "#333", words, format!("{at}: not reachable: {why}"))
        }
        Place::Open => ("#fff".to_owned(), "#999", vec!["·".to_owned()], format!("{at}: not measured")),
    };
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\" stroke=\"#fff\"><title>{}</title></rect>",
        escape(&tip)
    );
    // Centred: a line of 14 and those of 11 below it.
    let first = y + h / 2.0 + 5.0 - 7.5 * (words.len() - 1) as f64;
    for (k, line) in words.iter().enumerate() {
        put(svg, x + w / 2.0, first + 15.0 * k as f64, "middle", ink, if k == 0 { 14.0 } else { 11.0 }, line);
    }
}

/// The power that was really drawn, after a figure.
fn at_power(drawn: Option<&str>) -> String {
    drawn.map_or_else(String::new, |w| format!(", {w} W drawn"))
}

fn scale(svg: &mut String, picture: &Picture, y: f64) {
    let Some((least, most)) = &picture.scale else { return };
    for k in 0..40 {
        let x = LEFT + 6.0 * f64::from(k);
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"6.5\" height=\"12\" fill=\"{}\"/>", colour(f64::from(k) / 39.0).0);
    }
    put(svg, LEFT, y + 27.0, "start", "#444", 12.0, least);
    put(svg, LEFT + 240.0, y + 27.0, "end", "#444", 12.0, most);
}

/// A shade of viridis (matplotlib's default since 2.0, CC0), and the ink that is read on it.
fn colour(shade: f64) -> (String, &'static str) {
    const STOPS: [[f64; 3]; 6] =
        [[68.0, 1.0, 84.0], [65.0, 68.0, 135.0], [42.0, 120.0, 142.0], [34.0, 168.0, 132.0], [122.0, 209.0, 81.0], [253.0, 231.0, 37.0]];
    let at = shade.clamp(0.0, 1.0) * 5.0;
    let k = (at as usize).min(4);
    let mix = |c: usize| (STOPS[k][c] + (at - k as f64) * (STOPS[k + 1][c] - STOPS[k][c])).round();
    (format!("rgb({},{},{})", mix(0), mix(1), mix(2)), if shade > 0.6 { "#111" } else { "#fff" })
}

fn put(svg: &mut String, x: f64, y: f64, anchor: &str, fill: &str, size: f64, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{fill}\" font-size=\"{size}\">{}</text>",
        escape(text)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A page of its own: the picture, what it is of, and its numbers as a table.
pub(super) fn page(map: &MeasuredMap, pictures: &[Picture]) -> String {
    let m = &map.manifest;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{name}</title>\n<style>body{{font-family:sans-serif;margin:2em;max-width:70em}}\
         td,th{{padding:.2em .8em;text-align:right}}table{{border-collapse:collapse}}tr+tr td{{border-top:1px solid #ddd}}</style>\n<h1>{name}</h1>\n\
         <p>{verdict}{simulated}. Work: {work}. {described}</p>\n<p>{method}. {board}.</p>\n",
        name = escape(&m.name),
        verdict = escape(&map.verdict.to_string()),
        simulated = if m.simulated { format!("; simulated: {}", escape(&m.simulated_because.join(", "))) } else { String::new() },
        work = escape(&m.workload.name),
        described = escape(&m.workload.description),
        method = escape(&m.method),
        board = escape(&m.board),
    );
    page += &draw(pictures);
    for picture in pictures {
        let _ = writeln!(page, "<h2>{}: {}</h2>\n<table><tr><th>{}, °C</th>", escape(&picture.title), escape(&picture.what), picture.held);
        for name in &picture.across {
            let _ = write!(page, "<th>{}</th>", escape(name));
        }
        page += "</tr>\n";
        for (name, places) in &picture.rows {
            let _ = write!(page, "<tr><th>{}</th>", escape(name));
            for place in places {
                let words = match place {
                    Place::Known { value, half, n, drawn, .. } => format!("{value} {half} (n = {n}{})", at_power(drawn.as_deref())),
                    Place::Beyond { most: Some(most), .. } => format!("not reachable, {most} was"),
                    Place::Beyond { most: None, .. } => "not reachable".to_owned(),
                    Place::Open => "not measured".to_owned(),
                };
                let _ = write!(page, "<td>{}</td>", escape(&words));
            }
            page += "</tr>\n";
        }
        page += "</table>\n";
        if picture.tells_power() {
            page += "<p>Columns are power budgets; what the board really drew is said in each place.</p>\n";
        }
    }
    page += "</html>\n";
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(drawn: Option<&str>) -> Picture {
        let known = Place::Known { shade: Some(0.5), value: "6.34".into(), half: "±0.050".into(), n: 4, drawn: drawn.map(str::to_owned) };
        Picture {
            held: "plate",
            title: "a card".into(),
            what: "tokens put out per joule of the board".into(),
            simulated: false,
            notes: Vec::new(),
            across: vec!["30 W".into(), "44 W".into()],
            rows: vec![("30".into(), vec![known, Place::Beyond { most: Some("41 W".into()), why: "the die".into() }])],
            scale: None,
            reasons: Vec::new(),
        }
    }

    /// A figure under the name of a power that was not drawn is read as that power's: each place says its own.
    #[test]
    fn each_place_says_the_power_that_was_drawn() {
        let drawn = draw(&[picture(Some("31.4"))]);
        let texts: Vec<&str> = drawn.lines().filter_map(|l| l.strip_suffix("</text>")?.rsplit('>').next()).collect();
        let shown = ["6.34", "±0.050", "at 31.4 W", "not reachable", "41 W was", "30 W", "44 W"];
        assert_eq!(texts[3..10], shown, "{texts:?}");
        assert!(drawn.contains("<title>30 °C, 30 W asked for: 6.34 ±0.050, n = 4, 31.4 W drawn</title>"), "{drawn}");
        assert!(drawn.contains("power budget; what the board really drew is in each place"));
        // Lines of one place stay in it.
        let heights: Vec<f64> = drawn
            .lines()
            .filter(|l| ["6.34<", "±0.050<", "at 31.4 W<"].iter().any(|w| l.contains(w)) && l.starts_with("<text"))
            .filter_map(|l| l.split(" y=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert!(heights.len() == 3 && heights.iter().all(|y| (TOP + 12.0..TOP + CELL.1 - 3.0).contains(y)), "{heights:?}");
        let of_power = draw(&[picture(None)]);
        assert!(!of_power.contains("drawn") && of_power.contains(">power budget<"), "{of_power}");
    }
}
