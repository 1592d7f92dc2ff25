//! The server's own check of a table, and a count of its rows.

use mysql_async::prelude::Queryable;
use mysql_async::{Error, Row};

use super::{Bench, MeasureError, Stop, Suspicion};
use crate::domain::base::TableName;
use crate::domain::base::text::printable;
use crate::domain::fleet::{Login, Server};
use crate::domain::snapshot::{Finding, Method};
use crate::domain::sql::quote;

/// Runs `CHECK TABLE` and counts the rows. `step` names the step of the journal that wants to know.
pub async fn check_table(
    server: &Server,
    login: &Login,
    table: &TableName,
    suspicion: Suspicion,
    step: &str,
) -> Result<Finding, MeasureError> {
    let mut bench = Bench::open(server, login, table, suspicion, step).await?;
    let footing = bench.footing().await?;
    let verdict = match verdict(&mut bench).await.map_err(|error| bench.stop(error)) {
        Ok(verdict) => verdict,
        Err(Stop::Damaged(detail)) => return Ok(bench.finding(Method::Check, false, detail, footing)),
        Err(Stop::Failed(error)) => return Err(error),
    };
    match verdict {
        Verdict::NotChecked(why) => Err(bench.not_possible(why)),
        Verdict::Broken(detail) => Ok(bench.finding(Method::Check, false, detail, footing)),
        Verdict::Sound(detail) => match count(&mut bench).await.map_err(|error| bench.stop(error)) {
            Ok(rows) => {
                let mut finding = bench.finding(Method::Check, true, detail, footing);
                finding.rows = Some(rows);
                Ok(finding)
            }
            Err(Stop::Damaged(detail)) => Ok(bench.finding(Method::Check, false, detail, footing)),
            Err(Stop::Failed(error)) => Err(error),
        },
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Sound(String),
    Broken(String),
    /// The engine has no check; that proves nothing, neither way.
    NotChecked(String),
}

async fn verdict(bench: &mut Bench<'_>) -> Result<Verdict, Error> {
    let sql = format!("CHECK TABLE {}", quote::table(bench.table));
    let rows: Vec<Row> = bench.session.connection().query(sql).await?;
    let field = |row: &Row, name: &str| row.get_opt::<String, _>(name).and_then(Result::ok).unwrap_or_default();
    let lines: Vec<_> = rows.iter().map(|row| (field(row, "Msg_type"), field(row, "Msg_text"))).collect();
    Ok(judge(&lines))
}

/// `lines` are type and text of each message; the last one is the server's conclusion.
fn judge(lines: &[(String, String)]) -> Verdict {
    let all = lines.iter().map(|(kind, text)| format!("{}: {}", printable(kind), printable(text)));
    let all = all.collect::<Vec<_>>().join("; ");
    let has = |wanted: &str| lines.iter().any(|(kind, _)| kind.eq_ignore_ascii_case(wanted));
    let unsupported = lines.iter().any(|(_, text)| text.contains("doesn't support check"));
    match lines.last() {
        _ if unsupported => Verdict::NotChecked(all),
        Some((kind, text)) if kind == "status" && text == "OK" && !has("error") && !has("warning") => {
            Verdict::Sound(all)
        }
        Some(_) => Verdict::Broken(all),
        None => Verdict::NotChecked("the server's check said nothing".to_owned()),
    }
}

async fn count(bench: &mut Bench<'_>) -> Result<u64, Error> {
    let sql = format!("SELECT COUNT(*) FROM {}", quote::table(bench.table));
    Ok(bench.session.connection().query_first(sql).await?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[(&str, &str)]) -> Verdict {
        judge(&lines.iter().map(|(kind, text)| ((*kind).to_owned(), (*text).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn only_a_plain_ok_is_sound() {
        assert!(matches!(judged(&[("status", "OK")]), Verdict::Sound(_)));
        for lines in [
            &[("Error", "Table `d`.`t` is corrupted."), ("error", "Corrupt")][..],
            &[("Warning", "InnoDB: The B-tree of index PRIMARY is corrupted."), ("status", "OK")],
            &[("status", "Operation failed")],
        ] {
            assert!(matches!(judged(lines), Verdict::Broken(_)), "{lines:?}");
        }
    }

    #[test]
    fn an_engine_without_a_check_proves_nothing() {
        let lines = [("note", "The storage engine for the table doesn't support check")];
        assert!(matches!(judged(&lines), Verdict::NotChecked(_)));
        assert!(matches!(judged(&[]), Verdict::NotChecked(_)));
    }
}
