use engine::setup::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (pn, pt) = model::profile::builtin().iter().find(|p| p.0 == args[1]).unwrap();
    let (rn, rt) = rig::builtin()[0];
    let o = Options { profile: Source{file: pn.to_string(), from:"built in".into(), text: pt.to_string()}, rig: Source{file: rn.into(), from:"built in".into(), text: rt.into()}, accelerator: None, workload: None, duration_s: args.get(2).map(|d| d.parse().unwrap()), dt_s: 1.0, speed: None, seed: 1, assume_w: None, unattended: false };
    let t = std::time::Instant::now();
    let setup = Setup::build(o).unwrap();
    eprintln!("setup {:?}", t.elapsed());
    let mut w = record::Samples::null(setup.maker.columns()).unwrap();
    if let Some(p) = args.get(3) { let _ = std::fs::remove_file(p); w = record::Samples::create(p.as_ref(), setup.maker.columns(), record::Handover::Blocks).unwrap(); }
    let told = engine::rehearse::rehearse(&setup, |r| w.write(r)).unwrap();
    w.sync().unwrap();
    eprintln!("{told:#?} {:?}", t.elapsed());
}
