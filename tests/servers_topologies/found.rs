//! What random topologies have found, each as a topology and a statement of its own, with the words it must get now.

use crate::shape::{Cloud, Edge, Filter, Link, SEATS, Shape, Trait, seat_name};
use crate::statement::Statement;

/// One case: a word for each server and object that matters, and whatever happens must fit.
pub struct Found {
    pub name: &'static str,
    pub shape: Shape,
    pub statement: Statement,
    pub words: &'static [(usize, &'static str, &'static str)],
}

/// The seat that keeps the schema `o` out of its log.
const SIFTS: usize = 5;

pub fn all() -> Vec<Found> {
    assert_eq!(SEATS[SIFTS], Trait::LogFilter);
    let drop = || Statement::plain(0, "DROP TABLE d.t1", "d.t1");
    let two = "UPDATE d.t1 AS a JOIN o.t1 AS b USING (id) SET a.v = 7, b.v = 8";
    vec![
        Found {
            name: "two ways to one server, one of them through a filter",
            shape: shape(&[(1, 0, Edge::Filtered(Filter::WildIgnore)), (1, 2, Edge::Running), (2, 0, Edge::Running)]),
            statement: drop(),
            words: &[(0, "d.t1", "runs_here"), (1, "d.t1", "unknown"), (2, "d.t1", "now")],
        },
        Found {
            name: "a replica of a server that nobody declared",
            shape: Shape { cloud: Cloud::Undeclared(1), ..shape(&[(1, 0, Edge::Running), (2, 1, Edge::Running)]) },
            statement: drop(),
            words: &[(2, "d.t1", "unknown")],
        },
        Found {
            name: "a receiver that is refused and tries again",
            shape: shape(&[(1, 0, Edge::Refused)]),
            statement: drop(),
            words: &[(1, "d.t1", "unknown")],
        },
        Found {
            name: "a keyword that keeps a statement out of the log",
            shape: shape(&[(1, 0, Edge::Running)]),
            statement: Statement::plain(0, "OPTIMIZE LOCAL TABLE d.t1", "d.t1"),
            words: &[(1, "d.t1", "not_logged")],
        },
        Found {
            name: "a wanted schema and a session without a default database",
            shape: shape(&[(1, 0, Edge::Filtered(Filter::DoSchema))]),
            statement: drop(),
            words: &[(1, "d.t1", "filtered")],
        },
        Found {
            name: "rows of two tables, one of them kept out of the log",
            shape: shape(&[(1, SIFTS, Edge::Running)]),
            statement: Statement::plain(SIFTS, two, "d.t1").and("o.t1"),
            words: &[(1, "d.t1", "now"), (1, "o.t1", "filtered")],
        },
        Found {
            name: "what stays out of the log does not wait at a pause",
            shape: shape(&[(1, SIFTS, Edge::NoApplier)]),
            statement: Statement::plain(SIFTS, "DELETE FROM o.t1", "o.t1"),
            words: &[(1, "o.t1", "filtered")],
        },
    ]
}

/// A topology of these links: replica, source, state.
fn shape(links: &[(usize, usize, Edge)]) -> Shape {
    let mut members: Vec<usize> = links.iter().flat_map(|(replica, source, _)| [*source, *replica]).collect();
    members.sort_unstable();
    members.dedup();
    let several = |replica: usize| links.iter().filter(|link| link.0 == replica).count() > 1;
    let link = |(replica, source, edge): &(usize, usize, Edge)| Link {
        replica: *replica,
        source: *source,
        channel: if several(*replica) { format!("c_{}", seat_name(*source).replace('-', "_")) } else { String::new() },
        edge: *edge,
    };
    Shape { seed: 0, members, links: links.iter().map(link).collect(), cloud: Cloud::Clear }
}
