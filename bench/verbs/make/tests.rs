use super::*;

#[test]
fn tables_come_with_their_comments_and_nothing_is_lost() {
    let text = "# head\nname = \"x\"\n\n# of the orbit\n[orbit]\na = 1 # one\n\n# of the panel\n# still\n[panel]\nb = '''\n[not a table]\n'''\n# inside\nc = 2\n\n[panel.deep]\nd = 3\n# tail\n";
    let tables = tables_of(text);
    let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["orbit", "panel", "panel.deep"]);
    assert_eq!(tables.iter().map(|(_, t)| t.as_str()).collect::<String>(), text.split_once("\n\n").expect("a head").1);
    assert!(tables[1].1.starts_with("# of the panel\n# still\n[panel]"));
    for (_, shipped) in model::profile::builtin() {
        let all: String = tables_of(shipped).into_iter().map(|(_, t)| t).collect();
        assert!(shipped.ends_with(&all) && all.starts_with("[orbit]"));
    }
}
