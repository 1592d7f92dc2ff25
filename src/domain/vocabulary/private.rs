//! The private table of a run: the one object that a run may make, load and drop by itself.

use crate::domain::base::{RunId, TableName};

/// The longest name a table may have.
const LONGEST: usize = 64;

/// The table that `run` loads beside `table`, in the same schema. A long name is cut, never the run's part of it.
pub fn private_table(table: &TableName, run: &RunId) -> TableName {
    let suffix = format!("_cs_{}", run.as_str().trim_start_matches("r-").replace('-', "_"));
    let keep = LONGEST.saturating_sub(suffix.len());
    let stem: String = table.name().chars().take(keep).collect();
    TableName::new(table.schema(), &format!("{stem}{suffix}")).unwrap_or_else(|_| table.clone())
}

/// Whether `table` is the private table that `run` makes beside one of `tables`.
pub fn is_private<'a>(table: &TableName, run: &RunId, tables: impl IntoIterator<Item = &'a TableName>) -> bool {
    tables.into_iter().any(|of| of != table && private_table(of, run) == *table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_carries_the_run_and_fits_also_for_a_long_table() {
        let run = RunId::parse("r-9b02").unwrap();
        let short = private_table(&"shop.orders".parse().unwrap(), &run);
        assert_eq!(short.to_string(), "shop.orders_cs_9b02");
        let long = private_table(&TableName::new("shop", &"x".repeat(64)).unwrap(), &run);
        assert_eq!(long.name().len(), 64);
        assert!(long.name().ends_with("_cs_9b02"));
    }

    #[test]
    fn only_this_runs_table_is_private() {
        let orders: TableName = "shop.orders".parse().unwrap();
        let (mine, other) = (RunId::parse("r-1").unwrap(), RunId::parse("r-2").unwrap());
        let table = private_table(&orders, &mine);
        assert!(is_private(&table, &mine, [&orders]));
        assert!(!is_private(&table, &other, [&orders]));
        assert!(!is_private(&orders, &mine, [&orders]));
    }
}
