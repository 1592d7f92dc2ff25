use super::fixtures::*;
use crate::domain::fleet::Consumer;
use crate::domain::snapshot::{LinkFact, Position, ServerFact, TableFact, Value};
use crate::observe::probe::Probe;

#[test]
fn a_mariadb_position_is_what_it_logged_and_what_it_applied() {
    let expected = Value::Position(Position::parse_mariadb("0-1-5,7-1-1").unwrap());
    assert_eq!(server_value(&Answering::mariadb("1"), ServerFact::Position), Ok(expected));
}

#[test]
fn a_server_that_does_not_count_has_no_position() {
    let uncounted = Answering::mysql(A).variable("gtid_mode", "OFF");
    assert!(server_value(&uncounted, ServerFact::Position).unwrap_err().contains("gtid_mode is OFF"));
    let clock: &[(&str, &str)] = &[("now", "1000"), ("binlog_position", ""), ("replica_position", "")];
    let uncounted = Answering::mariadb("1").variable("log_bin", "OFF").rows(Probe::Clock, &[clock]);
    assert!(server_value(&uncounted, ServerFact::Position).is_err());
}

#[test]
fn read_only_has_three_strengths() {
    for (read_only, super_read_only, expected) in
        [("OFF", "OFF", "off"), ("ON", "OFF", "on"), ("ON", "ON", "super"), ("NO_LOCK_NO_ADMIN", "OFF", "super")]
    {
        let answering =
            Answering::mysql(A).variable("read_only", read_only).variable("super_read_only", super_read_only);
        assert_eq!(server_value(&answering, ServerFact::ReadOnly), Ok(Value::text(expected)));
    }
}

#[test]
fn a_cluster_is_one_that_is_joined() {
    let cluster = |answering: Answering| server_value(&answering, ServerFact::Cluster);
    assert_eq!(
        cluster(Answering::mariadb("1").variable("wsrep_on", "ON").variable("wsrep_provider", "none")),
        Ok(Value::text("none"))
    );
    assert_eq!(
        cluster(Answering::mariadb("1").variable("wsrep_on", "ON").variable("wsrep_provider", "/g.so")),
        Ok(Value::text("galera"))
    );
    let grouped = || Answering::mysql(A).variable("group_replication_group_name", "");
    assert_eq!(
        cluster(grouped().rows(Probe::GroupMembers, &[&[("MEMBER_STATE", "OFFLINE")]])),
        Ok(Value::text("none"))
    );
    assert_eq!(
        cluster(grouped().rows(Probe::GroupMembers, &[&[("MEMBER_STATE", "ONLINE")]])),
        Ok(Value::text("group_replication"))
    );
    assert!(cluster(grouped().refused(Probe::GroupMembers, 1142, "no")).is_err());
}

#[test]
fn semi_sync_and_filters_are_told_in_words() {
    let answering = Answering::mariadb("1")
        .variable("rpl_semi_sync_master_enabled", "ON")
        .variable("rpl_semi_sync_master_timeout", "10000")
        .status("rpl_semi_sync_master_clients", "2")
        .rows(Probe::LogFilter, &[&[("File", "b.1"), ("Binlog_Do_DB", ""), ("Binlog_Ignore_DB", "tmp")]]);
    let told = Ok(Value::text("on, 2 acknowledging, 1 needed, timeout 10000 ms"));
    assert_eq!(server_value(&answering, ServerFact::SemiSync), told);
    assert_eq!(server_value(&answering, ServerFact::Acknowledges), Ok(Value::Flag(false)));
    assert_eq!(server_value(&answering, ServerFact::BinlogFilter), Ok(Value::text("Binlog_Ignore_DB=tmp")));
}

#[test]
fn a_replica_that_acknowledges_is_told_by_its_status_in_the_words_of_both_flavors() {
    for answering in [
        Answering::mysql(B).status("rpl_semi_sync_replica_status", "ON"),
        Answering::mariadb("2").status("rpl_semi_sync_slave_status", "ON"),
    ] {
        assert_eq!(server_value(&answering, ServerFact::Acknowledges), Ok(Value::Flag(true)));
    }
}

#[test]
fn one_server_declared_twice_has_no_identity() {
    let facts = decoded(vec![("db-a", Answering::mysql(A).outcome()), ("db-b", Answering::mysql(A).outcome())], vec![]);
    for (one, other) in [("db-a", "db-b"), ("db-b", "db-a")] {
        let identity = server_text(&facts, one, ServerFact::Identity);
        assert!(identity.starts_with(&format!("unknown: `{other}` proves to be the same")), "{identity}");
    }
}

#[test]
fn marks_and_formats_of_the_log_are_told() {
    let origin = |answering: Answering| server_value(&answering, ServerFact::Origin);
    assert_eq!(origin(Answering::mysql(A).variable("server_id", "7")), Ok(Value::text("server 7")));
    let mariadb = Answering::mariadb("7").variable("server_id", "7").variable("gtid_domain_id", "3");
    assert_eq!(origin(mariadb), Ok(Value::text("server 7, domain 3")));
    let mixed = Answering::mariadb("1").variable("binlog_format", "MIXED");
    assert_eq!(server_value(&mixed, ServerFact::BinlogFormat), Ok(Value::text("mixed")));
}

#[test]
fn a_link_that_chooses_its_source_itself_and_one_that_stops_by_itself_are_told() {
    let failover = |setting| {
        let row: &[(&str, &str)] = &[("CHANNEL_NAME", ""), ("FAILOVER", setting)];
        let link = Answering::mysql(B).link(&[]).rows(Probe::Failover, &[row]);
        link_text(&decoded(vec![("db-b", link.outcome())], vec![]), "db-b", LinkFact::Failover)
    };
    assert_eq!([failover("0"), failover("1")], ["no", "yes"]);
    let blind = Answering::mysql(B).link(&[]).refused(Probe::Failover, 1142, "denied");
    let facts = decoded(vec![("db-b", blind.outcome())], vec![]);
    assert!(link_text(&facts, "db-b", LinkFact::Failover).starts_with("unknown"));
    let mariadb = decoded(vec![("db-b", Answering::mariadb("2").link(&[]).outcome())], vec![]);
    assert_eq!(link_text(&mariadb, "db-b", LinkFact::Failover), "no", "it never does");
    assert_eq!(link_text(&mariadb, "db-b", LinkFact::Until), "none");
    let until = Answering::mysql(B).link(&[("Until_Condition", "SQL_BEFORE_GTIDS"), ("Until_Log_Pos", "0")]);
    let facts = decoded(vec![("db-b", until.outcome())], vec![]);
    assert!(link_text(&facts, "db-b", LinkFact::Until).starts_with("until SQL_BEFORE_GTIDS"));
}

#[test]
fn a_detached_link_still_names_its_source() {
    for link in [
        Answering::mysql(B).link(&[("Source_Host", "//db-a.example"), ("Replica_IO_Running", "Connecting")]),
        Answering::mariadb("2").link(&[("Master_Host", "//db-a.example"), ("Slave_IO_Running", "Connecting")]),
    ] {
        let facts = decoded(vec![("db-b", link.outcome())], vec![]);
        let said = [LinkFact::Fence, LinkFact::Source, LinkFact::Receiver].map(|fact| link_text(&facts, "db-b", fact));
        assert_eq!(said, ["detached", "db-a", "connecting"]);
    }
}

#[test]
fn a_source_that_is_another_server_than_its_address_says_is_unknown() {
    let wrong = Answering::mysql(B).link(&[("Source_UUID", "11111111-e68f-11f1-b0a2-02fc00000001")]);
    let facts = decoded(vec![("db-a", Answering::mysql(A).outcome()), ("db-b", wrong.outcome())], vec![]);
    assert!(link_text(&facts, "db-b", LinkFact::Source).starts_with("unknown: it is set to db-a.example:3306"));
    let wrong = Answering::mariadb("2").link(&[("Master_Server_Id", "9")]);
    let facts = decoded(vec![("db-a", Answering::mariadb("1").outcome()), ("db-b", wrong.outcome())], vec![]);
    assert!(link_text(&facts, "db-b", LinkFact::Source).contains("server_id 9 sends"));
}

#[test]
fn an_address_outside_of_the_fleet_is_told_as_it_stands_unless_the_sender_is_known() {
    let elsewhere = Answering::mysql(B).link(&[("Source_Host", "vip.example")]);
    let facts = decoded(vec![("db-b", elsewhere.outcome())], vec![]);
    assert_eq!(link_text(&facts, "db-b", LinkFact::Source), "vip.example:3306");
    let facts = decoded(vec![("db-a", Answering::mysql(A).outcome()), ("db-b", elsewhere.outcome())], vec![]);
    assert_eq!(link_text(&facts, "db-b", LinkFact::Source), "db-a");
}

#[test]
fn what_was_received_counts_what_was_applied() {
    let facts = decoded(vec![("db-b", Answering::mariadb("2").link(&[("Gtid_IO_Pos", "")]).outcome())], vec![]);
    assert_eq!(link_text(&facts, "db-b", LinkFact::Received), "0-1-4");
    let by_file = Answering::mariadb("2").link(&[("Using_Gtid", "No")]);
    let facts = decoded(vec![("db-b", by_file.outcome())], vec![]);
    assert!(link_text(&facts, "db-b", LinkFact::Received).starts_with("unknown"));
}

#[test]
fn an_error_is_told_when_the_thread_stopped_and_with_the_workers_own_words() {
    let trying = [("Replica_IO_Running", "Connecting"), ("Last_IO_Errno", "2003"), ("Last_IO_Error", "retry 7")];
    let facts = decoded(vec![("db-b", Answering::mysql(B).link(&trying).outcome())], vec![]);
    assert_eq!(link_text(&facts, "db-b", LinkFact::Error), "none");
    let stopped =
        [("Replica_SQL_Running", "No"), ("Last_SQL_Errno", "1051"), ("Last_SQL_Error", "Coordinator stopped")];
    let worker: &[(&str, &str)] =
        &[("CHANNEL_NAME", ""), ("LAST_ERROR_NUMBER", "1051"), ("LAST_ERROR_MESSAGE", "Unknown table")];
    let answering = Answering::mysql(B).link(&stopped).rows(Probe::WorkerErrors, &[worker]);
    let facts = decoded(vec![("db-b", answering.outcome())], vec![]);
    let error = link_text(&facts, "db-b", LinkFact::Error);
    assert_eq!(error, "applier 1051: Coordinator stopped; worker 1051: Unknown table");
}

#[test]
fn filters_are_all_told() {
    let link = Answering::mariadb("2").variable("replicate_events_marked_for_skip", "FILTER_ON_REPLICA");
    let facts = decoded(vec![("db-b", link.link(&[("Replicate_Ignore_DB", "tmp")]).outcome())], vec![]);
    let filters = link_text(&facts, "db-b", LinkFact::Filters);
    assert_eq!(filters, "Replicate_Ignore_DB=tmp; replicate_events_marked_for_skip=FILTER_ON_REPLICA");
}

fn dump(id: &'static str, user: &'static str, host: &'static str) -> [(&'static str, &'static str); 3] {
    [("ID", id), ("USER", user), ("HOST", host)]
}

#[test]
fn on_mysql_the_uuid_of_a_thread_decides() {
    let threads: &[&[(&str, &str)]] = &[&dump("10", "repl", "10.0.0.2:1"), &dump("11", "repl", "10.0.0.2:2")];
    let primary =
        Answering::mysql(A).rows(Probe::DumpThreads, threads).rows(Probe::DumpUuids, &[&[("ID", "10"), ("UUID", B)]]);
    let replica = Answering::mysql(B).link(&[]);
    let facts = decoded(vec![("db-a", primary.outcome()), ("db-b", replica.outcome())], vec![]);
    assert_eq!(server_text(&facts, "db-a", ServerFact::UnexplainedReaders), "`repl@10.0.0.2`");
}

#[test]
fn elsewhere_each_link_explains_one_thread_of_its_user_and_host() {
    let readers = |threads: &[&[(&str, &str)]], link: &[(&str, &str)]| {
        let primary = Answering::mariadb("1").rows(Probe::DumpThreads, threads);
        let replica = Answering::mariadb("2").link(link);
        let facts = decoded(vec![("db-a", primary.outcome()), ("db-b", replica.outcome())], vec![]);
        server_text(&facts, "db-a", ServerFact::UnexplainedReaders)
    };
    let own = dump("5", "repl", "10.0.0.2:40000");
    assert_eq!(readers(&[&own], &[]), "none");
    assert_eq!(readers(&[&own], &[("Slave_IO_Running", "No")]), "none", "left over by a stopped link");
    assert_eq!(readers(&[&own], &[("Master_Host", "//db-a.example")]), "none", "left over by a detached link");
    assert_eq!(readers(&[&own, &dump("6", "repl", "10.0.0.2:4")], &[]), "`repl@10.0.0.2`");
    assert_eq!(readers(&[&dump("5", "repl", "10.9.9.9:4")], &[]), "`repl@10.9.9.9`");
    assert_eq!(readers(&[&dump("5", "cdc", "10.0.0.2:4")], &[]), "`cdc@10.0.0.2`");
    assert_eq!(readers(&[&own], &[("Master_Host", "other.example")]), "`repl@10.0.0.2`", "it follows somebody else");
}

#[test]
fn a_declared_consumer_explains_its_user_on_its_server() {
    let primary = || Answering::mariadb("1").rows(Probe::DumpThreads, &[&dump("5", "cdc", "10.9.9.9:4")]);
    let consumer = |reads| Consumer { reads: name(reads), ..cdc() };
    let facts = decoded(vec![("db-a", primary().outcome())], vec![consumer("db-a")]);
    assert_eq!(server_text(&facts, "db-a", ServerFact::UnexplainedReaders), "none");
    let facts = decoded(vec![("db-a", primary().outcome())], vec![consumer("db-b")]);
    assert_eq!(server_text(&facts, "db-a", ServerFact::UnexplainedReaders), "`cdc@10.9.9.9`");
}

/// A consumer of db-a, as it is declared with nothing but what is needed.
fn cdc() -> Consumer {
    let (name, user) = ("cdc".to_owned(), "cdc".to_owned());
    Consumer { name, reads: self::name("db-a"), user, host: None, threads: 1, replica_uuid: None }
}

#[test]
fn a_consumer_explains_as_many_threads_as_it_declares_and_from_its_host() {
    let two = [dump("5", "cdc", "10.9.9.9:4"), dump("6", "cdc", "10.9.9.8:4")];
    let primary = || Answering::mariadb("1").rows(Probe::DumpThreads, &[&two[0], &two[1]]);
    let readers = |consumers| {
        let facts = decoded(vec![("db-a", primary().outcome())], consumers);
        server_text(&facts, "db-a", ServerFact::UnexplainedReaders)
    };
    assert_eq!(readers(vec![cdc()]), "`cdc@10.9.9.8 (cdc declares 1 thread(s))`", "the second may be a replica");
    assert_eq!(readers(vec![Consumer { threads: 2, ..cdc() }]), "none");
    let from = |host: &str| Consumer { host: Some(host.to_owned()), threads: 2, ..cdc() };
    assert_eq!(readers(vec![from("10.9.9.9")]), "`cdc@10.9.9.8 (cdc is declared from 10.9.9.9)`");
    assert_eq!(readers(vec![from("10.9.9.9"), from("10.9.9.8")]), "none");
}

#[test]
fn a_thread_that_announces_itself_as_a_replica_is_no_consumers() {
    let told = [("ID", "5"), ("NAME", "replica_uuid"), ("UUID", B)];
    let primary = |rows: &[&[(&str, &str)]]| {
        Answering::mysql(A).rows(Probe::DumpThreads, &[&dump("5", "cdc", "10.9.9.9:4")]).rows(Probe::DumpUuids, rows)
    };
    let readers = |rows: &[&[(&str, &str)]], consumer| {
        let facts = decoded(vec![("db-a", primary(rows).outcome())], vec![consumer]);
        server_text(&facts, "db-a", ServerFact::UnexplainedReaders)
    };
    assert_eq!(readers(&[], cdc()), "none", "it announces nothing");
    assert!(readers(&[&told], cdc()).contains("cdc declares no `replica_uuid`"), "{}", readers(&[&told], cdc()));
    let declared = |uuid: &str| Consumer { replica_uuid: Some(uuid.to_owned()), ..cdc() };
    assert_eq!(readers(&[&told], declared(B)), "none");
    assert!(readers(&[&told], declared(A)).contains("announces another uuid"));
}

#[test]
fn readers_are_unknown_to_one_who_sees_only_itself() {
    let blind = Answering::mariadb("1").rows(Probe::Rights, &[]);
    let facts = decoded(vec![("db-a", blind.outcome())], vec![]);
    assert!(server_text(&facts, "db-a", ServerFact::UnexplainedReaders).contains("PROCESS"));
}

#[test]
fn a_reader_that_a_silent_server_may_explain_is_unknown() {
    let primary = Answering::mariadb("1").rows(Probe::DumpThreads, &[&dump("5", "repl", "10.0.0.2:4")]);
    let facts = decoded(vec![("db-a", primary.outcome()), ("db-b", silent(&[""]))], vec![]);
    let readers = server_text(&facts, "db-a", ServerFact::UnexplainedReaders);
    assert!(readers.starts_with("unknown") && readers.contains("db-b"), "{readers}");
    assert_eq!(link_text(&facts, "db-b", LinkFact::Applier), "unknown: no answer");
}

/// `shop.orders` as it is listed, unless changed.
fn with_table(answering: Answering, listed: &[&[(&str, &str)]]) -> Answering {
    answering
        .rows(Probe::Table(orders()), listed)
        .rows(Probe::Sibling("shop".to_owned()), &[])
        .rows(Probe::Definition(orders()), &[&[("Create Table", "CREATE TABLE `orders` (\n) ENGINE=InnoDB")]])
        .rows(Probe::ObjectId(orders()), &[])
        .rows(Probe::Triggers(orders()), &[])
        .rows(Probe::ForeignKeys(orders()), &[])
}

const LISTED: &[(&str, &str)] =
    &[("TABLE_TYPE", "BASE TABLE"), ("ENGINE", "InnoDB"), ("CREATE_TIME", "2026-11-22 03:04:05")];

#[test]
fn absent_is_said_only_by_one_who_would_see_it() {
    let exists = |rights: &[&[(&str, &str)]], sibling: &[&[(&str, &str)]]| {
        let answering = with_table(Answering::mysql(A), &[]).rows(Probe::Rights, rights);
        table_value(&answering.rows(Probe::Sibling("shop".to_owned()), sibling), TableFact::Exists)
    };
    let select = ("PRIVILEGE_TYPE", "SELECT");
    let sibling: &[&[(&str, &str)]] = &[&[("TABLE_NAME", "other")]];
    assert_eq!(exists(&[&[select]], &[]), Ok(Value::Flag(false)));
    assert_eq!(exists(&[&[("TABLE_SCHEMA", "shop"), select]], &[]), Ok(Value::Flag(false)));
    assert_eq!(exists(&[], sibling), Ok(Value::Flag(false)), "rights by role are not listed, a sibling is");
    assert!(exists(&[], &[]).is_err());
    assert!(exists(&[&[("TABLE_SCHEMA", "else"), select]], &[]).is_err());
    assert!(exists(&[&[("TABLE_SCHEMA", "shop"), ("TABLE_NAME", "other"), select]], sibling).is_err());
}

#[test]
fn partial_revokes_take_the_proof_away() {
    let answering = with_table(Answering::mysql(A), &[]).variable("partial_revokes", "ON");
    assert!(table_value(&answering, TableFact::Exists).is_err());
}

#[test]
fn damage_is_told_in_the_servers_words() {
    let text: &[(&str, &str)] =
        &[("TABLE_TYPE", "BASE TABLE"), ("TABLE_COMMENT", "Table `shop`.`orders` is corrupted.")];
    let corrupt = with_table(Answering::mariadb("1"), &[text]);
    assert_eq!(table_value(&corrupt, TableFact::Damage), Ok(Value::text("Table `shop`.`orders` is corrupted.")));
    assert!(table_value(&corrupt, TableFact::Engine).is_err());
    let refused =
        with_table(Answering::mysql(A), &[LISTED]).refused(Probe::Definition(orders()), 1812, "Tablespace is missing");
    assert_eq!(table_value(&refused, TableFact::Damage), Ok(Value::text("1812 Tablespace is missing")));
    let denied = with_table(Answering::mysql(A), &[LISTED]).refused(Probe::Definition(orders()), 1142, "denied");
    assert_eq!(table_value(&denied, TableFact::Damage), Ok(Value::text("")));
    let empty =
        with_table(Answering::mysql(A), &[LISTED]).rows(Probe::Space(orders()), &[&[("BYTES", "1"), ("MISSING", "1")]]);
    assert!(table_value(&empty, TableFact::Damage).unwrap().to_string().contains("missing or empty"));
}

#[test]
fn the_object_id_is_the_engines_number_else_the_time_of_creation() {
    let table = || with_table(Answering::mysql(A), &[LISTED]);
    let partitioned = table().rows(Probe::ObjectId(orders()), &[&[("TABLE_ID", "8")], &[("TABLE_ID", "9")]]);
    assert_eq!(table_value(&partitioned, TableFact::ObjectId), Ok(Value::text("innodb 8,9")));
    assert_eq!(table_value(&table(), TableFact::ObjectId), Ok(Value::text("created 2026-11-22 03:04:05")));
    assert!(table_value(&table().refused(Probe::ObjectId(orders()), 1227, "PROCESS"), TableFact::ObjectId).is_err());
}

#[test]
fn no_trigger_listed_proves_nothing_without_the_right_to_see_them() {
    let table = || with_table(Answering::mysql(A), &[LISTED]);
    assert!(table_value(&table(), TableFact::Triggers).unwrap_err().contains("TRIGGER"));
    let seeing = table().rows(Probe::Rights, &[&[("PRIVILEGE_TYPE", "TRIGGER")]]);
    assert_eq!(table_value(&seeing, TableFact::Triggers), Ok(Value::names([""; 0])));
}
