//! Whether measured copies have the same rows.

use super::outcome::Measured;

/// Marks every copy as good if all have the same rows and checksum, else every one as not good: which of them is
/// wrong, a comparison cannot say.
pub fn compare(mut found: Vec<Measured>) -> Vec<Measured> {
    let key = |measured: &Measured| (measured.finding.rows, measured.finding.checksum.clone());
    let Some(first) = found.first().map(key) else { return found };
    let equal = first.1.is_some() && found.iter().all(|measured| measured.finding.good && key(measured) == first);
    let list: Vec<String> = found
        .iter()
        .map(|m| {
            format!(
                "{} on {}: {} rows",
                m.table,
                m.server,
                m.finding.rows.map_or("?".to_owned(), |rows| rows.to_string())
            )
        })
        .collect();
    for measured in &mut found {
        measured.finding.good = equal;
        if !equal {
            measured.finding.detail = format!("the copies differ ({})", list.join(", "));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::Timestamp;
    use crate::domain::snapshot::{Finding, Method};

    fn copy(server: &str, rows: u64, checksum: Option<&str>) -> Measured {
        let finding = Finding {
            method: Method::Compare,
            good: true,
            detail: "ok".to_owned(),
            rows: Some(rows),
            checksum: checksum.map(str::to_owned),
            at: Timestamp::from_millis(0),
            position: None,
            booted: None,
            definition: None,
            object_id: None,
            step: "compare".to_owned(),
        };
        Measured { server: server.parse().unwrap(), table: "d.t".parse().unwrap(), finding }
    }

    fn all_good(found: Vec<Measured>) -> bool {
        compare(found).iter().all(|measured| measured.finding.good)
    }

    #[test]
    fn equal_copies_are_good_and_one_different_copy_makes_all_of_them_not_good() {
        assert!(all_good(vec![copy("a", 3, Some("x")), copy("b", 3, Some("x"))]));
        let found = compare(vec![copy("a", 3, Some("x")), copy("b", 3, Some("x")), copy("c", 3, Some("y"))]);
        assert!(found.iter().all(|measured| !measured.finding.good));
        assert!(!all_good(vec![copy("a", 3, Some("x")), copy("b", 4, Some("x"))]));
    }

    #[test]
    fn copies_without_a_checksum_are_never_equal() {
        assert!(!all_good(vec![copy("a", 3, None), copy("b", 3, None)]));
    }
}
