//! What the first server itself tells of the DROP: how often it was sent to be run, and how often it was applied.

use crate::stage::{DROP, Stage, server};
use countersign::lab::Flavor;

/// Both logs of the first server from a moment on.
pub struct Judge {
    general: usize,
    binary: (String, u64),
}

impl Judge {
    pub async fn from_now(stage: &Stage) -> Self {
        let position = match stage.flavor() {
            Flavor::Mariadb => "SHOW MASTER STATUS",
            Flavor::Mysql => "SHOW BINARY LOG STATUS",
        };
        let row = stage.sql("db-a", position).await.remove(0);
        let position = row[1].as_deref().unwrap().parse().unwrap();
        Self { general: general_log(stage).len(), binary: (row[0].clone().unwrap(), position) }
    }

    /// How often the statement was run, by the general log. Preparing it is not running it.
    pub fn sent(&self, stage: &Stage, statement: &str) -> usize {
        let log = general_log(stage);
        let runs = |line: &&str| line.contains(statement) && line.contains("Query") && !line.contains("PREPARE ");
        log[self.general..].lines().filter(runs).count()
    }

    /// How often it is in the binary log.
    pub async fn logged(&self, stage: &Stage, statement: &str) -> usize {
        let (file, position) = &self.binary;
        let events = stage.sql("db-a", &format!("SHOW BINLOG EVENTS IN '{file}' FROM {position}")).await;
        events.iter().filter(|row| row[5].as_deref().is_some_and(|info| info.contains(statement))).count()
    }

    pub async fn drops(&self, stage: &Stage) -> Drops {
        let (sent, logged) = (self.sent(stage, DROP), self.logged(stage, DROP).await);
        Drops { sent, logged, table: stage.has_table().await }
    }
}

/// What a run came to, as the server tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drops {
    pub sent: usize,
    pub logged: usize,
    /// Whether the table is there.
    pub table: bool,
}

fn general_log(stage: &Stage) -> String {
    stage.topology.general_log(&server("db-a")).unwrap()
}

/// Both logs see a statement like the one that is looked for.
pub async fn expect_to_see(stage: &Stage) {
    let judge = Judge::from_now(stage).await;
    let control = "DROP TABLE `d`.`control`";
    stage.sql("db-a", "CREATE TABLE d.control (id INT PRIMARY KEY)").await;
    assert_eq!((judge.sent(stage, control), judge.logged(stage, control).await), (0, 0));
    stage.sql("db-a", control).await;
    assert_eq!((judge.sent(stage, control), judge.logged(stage, control).await), (1, 1));
}
