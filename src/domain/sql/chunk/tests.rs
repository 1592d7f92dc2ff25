use super::*;
use crate::domain::sql::lexer::count_statements;

fn column(name: &str, data_type: &str) -> Described {
    Described {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        character_set: None,
        collation: None,
        precision: None,
        scale: None,
        extra: String::new(),
    }
}

fn text(name: &str, character_set: &str, collation: &str) -> Described {
    Described {
        character_set: Some(character_set.to_owned()),
        collation: Some(collation.to_owned()),
        ..column(name, "varchar")
    }
}

fn orders() -> TableName {
    "shop.orders".parse().unwrap()
}

fn layout(described: &[Described], key: &[&str]) -> Result<Layout, Uncopyable> {
    let key: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
    Layout::new(&orders(), described, &key)
}

#[test]
fn generated_columns_are_neither_read_nor_inserted() {
    let generated = Described { extra: "STORED GENERATED".to_owned(), ..column("tax", "decimal") };
    let made = Described { extra: "DEFAULT_GENERATED".to_owned(), ..column("made", "datetime") };
    let layout = layout(&[column("id", "int"), generated, made], &["id"]).unwrap();
    assert_eq!(layout.width(), 2);
    assert_eq!(layout.read(&orders()), "SELECT `id`, `made` FROM `shop`.`orders` FORCE INDEX (PRIMARY) ORDER BY `id`");
    assert_eq!(layout.insert(&orders(), 2), "INSERT INTO `shop`.`orders` (`id`,`made`) VALUES (?,?),(?,?)");
}

#[test]
fn text_that_the_session_does_not_speak_travels_as_bytes() {
    let columns = [column("id", "int"), text("a", "utf8mb4", "utf8mb4_bin"), text("b", "latin1", "latin1_bin")];
    let layout = layout(&columns, &["id"]).unwrap();
    assert!(layout.read(&orders()).starts_with("SELECT `id`, `a`, CAST(`b` AS BINARY) FROM"));
    assert!(layout.insert(&orders(), 1).ends_with("VALUES (?,?,CAST(? AS BINARY))"));
}

#[test]
fn a_composite_key_is_compared_so_that_the_index_is_used() {
    let columns = [text("a", "latin1", "latin1_bin"), column("b", "int"), column("c", "enum")];
    let layout = layout(&columns, &["a", "b", "c"]).unwrap();
    let behind = layout.read_behind(&orders());
    let a = "CONVERT(CAST(? AS BINARY) USING latin1) COLLATE latin1_bin";
    let condition = format!(
        "WHERE `a`>={a} AND ((`a`>{a}) OR (`a`={a} AND `b`>?) OR (`a`={a} AND `b`=? AND `c`+0>?)) ORDER BY `a`, `b`, `c`"
    );
    assert!(behind.sql.ends_with(&condition), "{}", behind.sql);
    assert_eq!(behind.parameters, [0, 0, 0, 1, 0, 1, 2]);
    assert_eq!(behind.sql.matches('?').count(), behind.parameters.len());
    assert_eq!(
        layout.marker(&orders()),
        "SELECT CAST(`a` AS BINARY), `b`, `c`+0 FROM `shop`.`orders` ORDER BY `a` DESC, `b` DESC, `c` DESC LIMIT 1"
    );
}

#[test]
fn a_decimal_key_is_not_compared_as_a_float() {
    let price = Described { precision: Some("20".into()), scale: Some("4".into()), ..column("price", "decimal") };
    let behind = layout(&[price], &["price"]).unwrap().read_behind(&orders());
    assert!(behind.sql.contains("`price`>CAST(? AS DECIMAL(20,4))"), "{}", behind.sql);
}

#[test]
fn a_table_without_a_primary_key_is_refused() {
    assert_eq!(layout(&[column("id", "int")], &[]), Err(Uncopyable::NoPrimaryKey(orders())));
    assert!(matches!(layout(&[column("id", "int")], &["x"]), Err(Uncopyable::StrangeKey { .. })));
    assert_eq!(layout(&[], &["id"]), Err(Uncopyable::NoColumns(orders())));
}

#[test]
fn hostile_names_stay_inside_their_quotes() {
    let evil = "a`; DROP TABLE t; -- '";
    let table = TableName::new(evil, evil).unwrap();
    let layout = Layout::new(&table, &[column(evil, "int")], &[evil.to_owned()]).unwrap();
    for sql in [
        describe(&table),
        primary_key(&table),
        estimate(&table),
        count(&table),
        show_create(&table),
        layout.read(&table),
        layout.read_behind(&table).sql,
        layout.marker(&table),
        layout.insert(&table, 3),
    ] {
        assert_eq!(count_statements(&sql).unwrap(), 1, "{sql}");
    }
    let collation = "latin1_bin) UNION SELECT 1 -- ";
    let strange = layout_error(&text("a", "latin1", collation));
    assert_eq!(strange, Uncopyable::StrangeWord { found: collation.to_owned() });
}

fn layout_error(described: &Described) -> Uncopyable {
    layout(std::slice::from_ref(described), &[&described.name]).unwrap_err()
}
