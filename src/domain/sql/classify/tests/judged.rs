//! The whole judgement of at least one statement of every form that is recognised, and of its neighbours that are not,
//! as a list to be read. A judgement that changes shows itself here.

use super::*;

/// One statement per line; the default database is `shop`.
const STATEMENTS: &str = include_str!("../../../../../tests/cases/judged.sql");

fn object(touched: &Touched) -> String {
    let name = match &touched.object {
        Object::Table(table) => table.to_string(),
        Object::Schema(schema) => format!("schema {schema}"),
        Object::Server => "server".to_owned(),
        Object::BinaryLog => "binary log".to_owned(),
        Object::Everything => "everything".to_owned(),
    };
    let (here, there) = (format!("{:?}", touched.effect), format!("{:?}", touched.on_replicas));
    if here == there { format!("{name}: {here}") } else { format!("{name}: {here}, on replicas {there}") }
}

fn said(text: &str, flavor: Flavor) -> String {
    let found = of(text, flavor);
    let danger = if found.danger == found.danger_unlogged {
        format!("{:?}", found.danger)
    } else {
        format!("{:?}, unlogged {:?}", found.danger, found.danger_unlogged)
    };
    let objects: Vec<String> = found.objects.iter().map(object).collect();
    let cautions: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    let lines = [
        format!("{} {danger}; logged {:?}", found.class.word(), found.logging),
        objects.join("; "),
        cautions.join("; "),
    ];
    lines.iter().filter(|line| !line.is_empty()).map(|line| format!("    {line}\n")).collect::<Vec<_>>().concat()
}

#[test]
fn every_form_is_judged_as_it_was_read() {
    let mut text = Vec::new();
    for statement in STATEMENTS.lines().filter(|line| !line.starts_with("--")) {
        let [mysql, mariadb] = BOTH.map(|flavor| said(statement, flavor));
        text.push(format!("{statement}\n"));
        text.push(if mysql == mariadb { mysql } else { format!("  MySQL\n{mysql}  MariaDB\n{mariadb}") });
    }
    insta::assert_snapshot!("judged", text.concat());
}
