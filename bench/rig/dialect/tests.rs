//! The shipped dialects against bytes that others published, and dialects that contradict themselves.

use super::*;
use proptest::prelude::*;

fn shipped(name: &str) -> Dialect {
    let (_, text) = builtin().iter().find(|(known, _)| *known == name).unwrap();
    Dialect::parse(name, text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn said(template: &Template, own: &[(&str, f64)]) -> String {
    let line = template.fill(|name| own.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)).expect("every name is given");
    line.iter().map(|b| *b as char).collect()
}

#[test]
fn every_shipped_dialect_reads_and_is_named_as_its_file() {
    for (name, _) in builtin() {
        let dialect = shipped(name);
        assert_eq!(dialect.name, *name);
        assert!(!dialect.reads.is_empty() && dialect.host_dies.len() > 10, "{name}");
    }
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rigs/dialects")).unwrap();
    assert_eq!(folder.count(), builtin().len(), "a dialect is not embedded");
}

/// Lines that public drivers, simulators and manuals show (reference/instruments.md names them): what is sent.
#[test]
fn published_lines_are_sent_letter_for_letter() {
    let target = |name: &str, degc: f64| {
        let target = shipped(name).target.unwrap();
        said(&target.write, &[("value", degc / target.back.scale)])
    };
    assert_eq!(target("arroyo", 25.0), "TEC:T 25.000");
    assert_eq!(target("julabo", 25.0), "OUT_SP_00 25.0");
    assert_eq!(target("lauda", 25.0), "OUT_SP_00_025.00");
    assert_eq!(target("huber", 25.0), "{M0009C4");
    assert_eq!(target("sinara-8451", 20.0), "pid 0 target 20.000");
    let asks =
        |name: &str, read: &str| said(&shipped(name).reads.iter().find(|(known, _)| known == read).unwrap().1.ask, &[("output", 1.0)]);
    assert_eq!(asks("arroyo", "object_temperature"), "TEC:T?");
    assert_eq!(asks("arroyo", "output_current"), "TEC:ITE?");
    assert_eq!(asks("julabo", "bath_temperature"), "IN_PV_00");
    assert_eq!(asks("lauda", "controlled_temperature"), "IN_PV_01");
    assert_eq!(asks("huber", "bath_temperature"), "{M01****");
    assert_eq!(asks("korad", "voltage"), "VOUT1?");
    assert_eq!(asks("sinara-8451", "object_temperature"), "report");
    assert_eq!(asks("mt-sics", "mass"), "S");
    assert_eq!(asks("scpi-supply", "voltage"), "MEAS:VOLT?");
    let level = |name: &str, value: f64| said(&shipped(name).levels[0].1.write, &[("value", value)]);
    assert_eq!(level("korad", 7.5), "VSET1:07.50", "koradctl pads: the device takes five characters");
    let switch = |name: &str| {
        let output = shipped(name).output.unwrap();
        (said(&output.on, &[("output", 1.0)]), said(&output.off, &[("output", 1.0)]))
    };
    assert_eq!(switch("arroyo"), ("TEC:OUT 1".to_owned(), "TEC:OUT 0".to_owned()));
    let setup = |name: &str, own: &[(&str, f64)]| {
        shipped(name).setup.iter().filter_map(|s| s.write.as_ref()).map(|w| said(w, own)).collect::<Vec<_>>()
    };
    let own = [("current_limit_a", 4.0), ("max_degc", 60.0), ("min_degc", 5.0), ("ramp_k_min", 7.5)];
    assert_eq!(setup("arroyo", &own), ["TEC:LIM:ITE 4", "TEC:LIM:THI 60", "TEC:TRATE 7.50", "TEC:LIM:TLO 5", "TEC:MODE:T"]);
    assert_eq!(switch("julabo").0, "OUT_MODE_05 1");
    assert_eq!(switch("huber").0, "{M140001");
    assert_eq!(switch("korad").0, "OUT1");
    assert_eq!(switch("sinara-8451"), ("pwm 0 pid".to_owned(), "pwm 0 i_set 0".to_owned()));
}

#[test]
fn array_simulators_are_given_their_curve_as_the_makers_show_it() {
    let own = [("isc_a", 4.6), ("imp_a", 4.2), ("vmp_v", 28.0), ("voc_v", 32.0), ("output", 1.0)];
    let lines = |name: &str| shipped(name).curve.unwrap().write.iter().map(|line| said(line, &own)).collect::<Vec<_>>();
    assert_eq!(
        lines("keysight-e4360"),
        ["CURR:SAS:ISC 4.6000,(@1);IMP 4.2000,(@1);:VOLT:SAS:VMP 28.0000,(@1);VOC 32.0000,(@1)"],
        "one message, or the device sees a curve that is none half-way"
    );
    assert_eq!(lines("chroma-62000h"), ["SAS:VOC 32.000", "SAS:ISC 4.600", "SAS:VMP 28.000", "SAS:IMP 4.200", "TRIG"]);
}

/// What comes back in such sources.
#[test]
fn published_answers_are_understood() {
    let value = |name: &str, read: &str, line: &str| {
        let dialect = shipped(name);
        let (_, ask) = dialect.reads.iter().find(|(known, _)| known == read).unwrap();
        ask.reply.word(line).and_then(|word| ask.value(&word))
    };
    assert_eq!(value("mt-sics", "mass", "S S       0.00 kg"), Some(0.0));
    assert_eq!(value("mt-sics", "mass", "S D       0.12 kg"), None, "the pan moves");
    assert_eq!(value("mt-sics", "mass_now", "S D       0.12 kg"), Some(0.12));
    assert_eq!(value("mt-sics", "mass", "S +"), None, "overload");
    // mt-sics-emulator heads this answer with the command, scales with S: either is understood, and neither in place of the other.
    assert_eq!(value("mt-sics", "mass_now", "SI D       0.12 kg"), Some(0.12));
    assert_eq!(value("mt-sics", "mass_now", "SI +"), None, "overload");
    assert_eq!(value("mt-sics", "mass", "SI S       0.12 kg"), None, "the answer to another question");
    assert_eq!(value("huber", "bath_temperature", "{S0109C4"), Some(25.0));
    assert_eq!(value("huber", "bath_temperature", "{S01FC18"), Some(-10.0));
    assert_eq!(value("huber", "bath_temperature", "{S0009C4"), None, "another address");
    assert_eq!(value("huber", "bath_temperature", "{S017FFF"), None, "not enabled, and not 327.67 degC");
    assert_eq!(value("korad", "voltage", "07.50"), Some(7.5));
    assert_eq!(value("arroyo", "object_temperature", "25.003"), Some(25.003));
    assert_eq!(value("yokogawa-wt", "energy", "1.5E+00"), Some(5400.0));
    assert_eq!(value("yokogawa-wt", "power", "NAN"), None);
    let report = r#"[{"channel":0,"time":2320,"temperature":20.01,"sens":9000.1,"pid_engaged":true,"i_set":0.5,"tec_i":0.49,"tec_u_meas":1.2},{"channel":1,"temperature":null}]"#;
    assert_eq!(value("sinara-8451", "object_temperature", report), Some(20.01));
    assert_eq!(value("sinara-8451", "object_temperature", "[{\"temperature\":null}]"), None);
    let on = |name: &str, line: &str| {
        let output = shipped(name).output.unwrap();
        output.back.reply.word(line).and_then(|word| output.says(&word))
    };
    assert_eq!((on("sinara-8451", report), on("huber", "{S140000")), (Some(true), Some(false)));
    assert_eq!((on("korad", "\u{51}"), on("korad", "\u{11}")), (Some(true), Some(false)), "bit 6 of a raw byte");
    assert_eq!((on("lauda", "0"), on("lauda", "1")), (Some(true), Some(false)), "Lauda counts standby");
    for (word, says) in [("ON", Some(true)), ("1", Some(true)), ("OFF", Some(false)), ("0", Some(false)), ("2", None), ("O", None)] {
        assert_eq!((on("chroma-62000h", word), on("scpi-supply", word)), (says, says), "{word}: makers and drivers disagree");
    }
    assert_eq!((on("korad", "?"), on("korad", "E")), (None, None), "letters, not states");
    assert_eq!((on("korad", "\0"), on("sinara-8451", "0")), (None, None), "a broken line reads as 0");
    assert_eq!(on("huber", "{S147FFF"), None, "not enabled");
    let known = |name: &str, line: &str| shipped(name).identify.find(line, None).is_some();
    assert!(known("korad", "KORADKA3005PV2.0") && known("julabo", "JULABO FP50_MH Simulator, ISIS"));
    assert!(known("mt-sics", "I4 A \"B021002593\"") && !known("mt-sics", "ES"));
    for line in ["KORAD KA3005P V5.5", "TENMA 72-2540 V2.1", "TENMA72-2550V2.0", "VELLEMANLABPS3005DV2.0", "RND 320-KA3005P V2.0"] {
        assert!(known("korad", line), "{line}: libsigrok's list");
    }
    for line in ["KORADKA3305PV2.0", "KORAD KA3305P V7.0 SN:30057214", "TENMA 72-13330 V1.0", "KORAD-KEL103 V3.30 SN:00022116"] {
        assert!(!known("korad", line), "{line}: two outputs, or a load");
    }
    let korad = shipped("korad").identify.find("KORAD KA3005P V5.5 SN:16072670", None).unwrap();
    let told = |name: &str| korad.iter().find(|(known, _)| known == name).map(|(_, word)| word.as_str());
    assert_eq!((told("model"), told("firmware"), told("serial")), (Some("KA3005P"), Some("5.5"), Some("16072670")));
    assert!(["XT", "MC", "BC_LOOP"].iter().all(|said| known("lauda", said)) && !known("lauda", "S S 0.00 kg"));
    assert!(known("arroyo", "ILX Lightwave,LDT-5910C,59101111,1.00-1.00") && !known("arroyo", "ID bench-heater 0007 1.2"));
    assert!(!known("scpi-supply", "YOKOGAWA,WT310,C2,F1.03") && !known("chroma-62000h", "CHROMA,66202,1,1"));
    assert!(known("scpi-supply", "HEWLETT-PACKARD,E3634A,0,1.4-5.0-1.0") && !known("scpi-supply", "JULABO FP50"));
}

/// Of models that a dialect would switch otherwise than it says, none is taken; one that the rig file declares is its owner's affair.
#[test]
fn models_that_would_not_understand_are_not_taken() {
    for (dialect, model) in [
        ("scpi-outputs", "DP832"),
        ("scpi-outputs", "DP2031"),
        ("scpi-select", "E3631A"),
        ("scpi-select", "E3648A"),
        ("scpi-select", "2230-30-1"),
        ("scpi-supply", "E3646A"),
        ("scpi-supply", "IT6322A"),
        ("scpi-supply", "9130"),
        ("scpi-supply", "2280S-32-6"),
    ] {
        let line = format!("SOMEBODY,{model},1,1.0");
        assert!(shipped(dialect).identify.find(&line, None).is_none(), "{dialect} {model}");
        assert!(shipped(dialect).identify.find(&line, Some(model)).is_some(), "{dialect} {model}");
    }
    let told = |model: &str| shipped("scpi-supply").identify.remote_of(Some(model)).is_some();
    for model in ["E3632A", "E3634A", "E3645A", "IT6722", "9123A", "9205"] {
        assert!(told(model), "{model} takes nothing before SYST:REM");
    }
    for model in ["E36103A", "N5744A", "DP811A", "HMC8041"] {
        assert!(!told(model) && shipped("scpi-supply").identify.find(&format!("X,{model},1,1"), None).is_some(), "{model}");
    }
    assert!(shipped("scpi-outputs").identify.remote_of(Some("E36312A")).is_none());
}

const SOUND: &str = r#"schema = 1
name = "x"
title = "an instrument"
host_dies = "nothing"
[line]
send = "\n"
receive = "\n"
[identify]
ask = "ID?"
match = "ID {serial}"
[setup.limit]
write = "LIM {current_limit_a}"
ask = "LIM?"
[read.temperature]
ask = "T?"
[target]
controls = "temperature"
write = "SET {value}"
ask = "SET?"
[output]
on = "ON"
off = "OFF"
ask = "ON?"
"#;

const BROKEN: &[(&str, &str, &str)] = &[
    ("schema = 1", "schema = 2", "x.toml:1:10"),
    ("host_dies = \"nothing\"", "", "missing `host_dies`"),
    ("send = \"\\n\"", "", "what ends a line"),
    ("receive = \"\\n\"", "receive = \"\"", "only silence can end a line"),
    ("ask = \"ID?\"", "ask = \"ID {value}\"", "x.toml:9:7: `identify.ask`: {value} is not known here"),
    ("ID {serial}", "ID {number}", "{number} is not known here"),
    ("ID {serial}", "ID {model}{serial}", "nothing says where the first ends"),
    ("LIM {current_limit_a}", "LIM {current_limit}", "{current_limit} is not known here"),
    ("LIM {current_limit_a}", "LIM ON", "say what must be read back"),
    ("ask = \"LIM?\"", "ask = \"LIM?\"\nno_read_back = \"lazy\"", "remove one of the two"),
    ("ask = \"LIM?\"", "", "missing `ask` in [setup.limit]"),
    ("ask = \"T?\"", "ask = \"T?\"\nreply = \"T\"", "{value} must stand in it once"),
    ("ask = \"T?\"", "ask = \"T?\"\nscale = 0", "makes every answer 0"),
    ("controls = \"temperature\"", "controls = \"plate\"", "no [read.plate] of this dialect"),
    ("[output]\non = \"ON\"\noff = \"OFF\"\nask = \"ON?\"\n", "", "what can be set must be switched"),
    ("ask = \"ON?\"", "", "missing `ask` in [output]"),
    ("ask = \"ON?\"", "ask = \"ON?\"\non_bit = 3\non_is = \"ON\"", "not both"),
    ("ask = \"ON?\"", "ask = \"ON?\"\n[outputs]", "unknown key `outputs`"),
    ("ask = \"ON?\"", "ask = \"ON?\"\non_is = \"ON\"", "missing `off_is`"),
    ("ask = \"ON?\"", "ask = \"ON?\"\noff_is = \"0\"", "missing `on_is`"),
    ("ask = \"ON?\"", "ask = \"ON?\"\non_is = \"1\"\noff_is = \"0|1.0\"", "says \"on\" and \"off\""),
    ("ask = \"ON?\"", "ask = \"ON?\"\non_bit = 3\nnever_bits = 8", "whose `on_bit` is another"),
    ("ID {serial}", "{model}", "any device may answer so"),
    ("ID {serial}", "{*},{serial}\"\nmodel_is = \"X#", "any device may answer so"),
    ("off = \"OFF\"", "off = \"ON\"", "x.toml:22:7: `output.off`: the same line switches on and off"),
    ("ID {serial}", "{*},{model}\"\nmodel_is = \"E36#|*", "any model has the shape \"*\""),
    ("ID {serial}", "{*},{model}\"\nmodel_is = \"E36#|A*", "any model has the shape \"A*\""),
    ("ID {serial}", "ID {serial}\"\nremote_is = \"E36#", "missing `remote` beside it"),
    (
        "ask = \"LIM?\"",
        "ask = \"LIM?\"\ntolerance = 1000",
        "`setup.limit.tolerance` = 1000 is impossible here: expected a number from 0 to 1",
    ),
    ("ask = \"SET?\"", "ask = \"SET?\"\ntolerance = 5", "`target.tolerance`"),
    ("ask = \"LIM?\"", "ask = \"LIM?\"\nfor_read = \"power\"", "no [read.power] of this dialect"),
    ("ask = \"LIM?\"", "no_read_back = \"lazy\"\nask_first = true", "needs both, `ask` and `write`"),
    ("LIM {current_limit_a}", "LIM {current_limit_a}\\nON", "a line holds no line end"),
    ("ask = \"ON?\"", "ask = \"ON?\"\nscale = 2", "whether an output is on has no scale"),
    ("send = \"\\n\"", "send = \"\"", "nothing ends a line that is sent"),
    ("write = \"LIM {current_limit_a}\"", "parameter = \"current_limit\"", "\"current_limit\" is not known here"),
    ("[output]", "[curve]\nwrite = \"C {isc_a} {imp_a} {vmp_v} {voc_v}\"\n[curve.isc_a]\nask = \"I?\"\n[output]", "missing [curve.imp_a]"),
];

#[test]
fn a_dialect_that_contradicts_itself_is_refused_with_its_line() {
    assert!(Dialect::parse("x.toml", SOUND).is_ok(), "{:?}", Dialect::parse("x.toml", SOUND));
    for (sound, broken, words) in BROKEN {
        assert!(SOUND.contains(sound), "{sound:?} is not in the sound dialect");
        let problems = Dialect::parse("x.toml", &SOUND.replacen(sound, broken, 1)).expect_err(broken).to_string();
        assert!(problems.contains(words), "after {broken:?}, no {words:?} in\n{problems}");
    }
    let both = SOUND.replacen("ask = \"ID?\"", "ask = 1", 1).replacen("ask = \"T?\"", "ask = \"{T?}\"\nscale = \"x\"", 1);
    assert_eq!(Dialect::parse("x.toml", &both).expect_err("two").0.len(), 2, "all at once");
}

/// Of no shipped dialect is a word that answers nothing taken for a state or for a name.
#[test]
fn nonsense_says_neither_on_nor_off_and_names_nobody() {
    for (name, _) in builtin() {
        let dialect = shipped(name);
        for line in ["ERR_3", "ES", "?", "ERROR", "error 113", "2", "-1", "NAN", "9.91E37", "O", "0N", "-", "[]", "{S147FFF"] {
            let says = dialect.output.as_ref().and_then(|o| o.back.reply.word(line).and_then(|word| o.says(&word)));
            // A raw byte is any letter: there two letters are no answer, and these are no states.
            if line.len() > 1 || *name != "korad" || line == "?" {
                assert_eq!(says, None, "{name} {line:?}");
            }
            assert_eq!(dialect.identify.find(line, None).filter(|_| *name != "huber"), None, "{name} {line:?}");
        }
    }
}

proptest! {
    /// Whatever a line is replaced by, reading ends with a dialect or with words.
    #[test]
    fn no_dialect_panics(line in any::<proptest::sample::Index>(), by in "[a-z_]{0,8} ?=? ?[\"{}a-z0-9.-]{0,10}") {
        let mut lines: Vec<&str> = SOUND.lines().collect();
        let at = line.index(lines.len());
        lines[at] = &by;
        let _ = Dialect::parse("x.toml", &lines.join("\n"));
    }

    /// No answer, however strange, makes a shipped dialect panic.
    #[test]
    fn no_answer_panics(line in "\\PC{0,60}") {
        for (name, _) in builtin() {
            let dialect = shipped(name);
            let _ = dialect.identify.find(&line, None);
            for (_, ask) in &dialect.reads {
                let _ = ask.reply.word(&line);
            }
            let _ = dialect.output.map(|output| output.back.reply.word(&line).map(|word| output.says(&word)));
        }
    }
}
