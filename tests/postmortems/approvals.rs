//! One operator is never enough to drop a table, whatever that one does.

use countersign::lab::Flavor;

use crate::driver::{eventually, tool};
use crate::scene::{PARAMS, REBUILD, Scene};

async fn one_operator_is_never_enough(flavor: Flavor) {
    let scene = Scene::broken(flavor, 500).await;
    let office = &scene.office;
    let mut run = office.run(REBUILD, &scene.topology.fleet_file(), &PARAMS);
    let request = office.play_until_gate(&mut run, "drop-corrupt");
    let id = run.id();
    let have = || office.waits_for(&id, "approval").and_then(|wait| wait["have"].as_u64());
    assert_eq!(have(), Some(0), "driving a run approves nothing");

    office.approve(&request, "ana").expect(0);
    eventually("ana's approval counts", || (have() == Some(1)).then_some(()));
    office.approve(&request, "ana");
    let recorded = |text: &str| text.lines().filter(|line| line.contains("ana: GATE 1/2")).count();
    eventually("ana's second approval is recorded", || (recorded(&run.text()) == 2).then_some(()));
    assert_eq!(have(), Some(1), "the same key counts once");

    let answer = office.answer(&request);
    let said = ["--answer", answer.as_str(), "--reason", "checked", "--state", "S"];
    let as_bob = ["approve", &request, "--operator", "bob", "--key", "ana"];
    let refused = office.cli(&[&as_bob[..], &said[..]].concat()).expect(5);
    assert!(refused.err.contains("is not a key of bob"), "{}", refused.err);

    office.cli(&["request", "export", &request, "--state", "S", "-o", "request.txt"]).expect(0);
    let sign = |by: &str, file: &str| {
        let (key, file) = (office.path(by), office.path(file));
        let arguments = ["-q", "-Y", "sign", "-f", key.to_str().unwrap(), "-n", "approve@countersign"];
        tool("ssh-keygen", &[&arguments[..], &[file.to_str().unwrap()]].concat(), None).expect(0);
    };
    let add = |file: &str| office.cli(&["approval", "add", &request, file, "--state", "S"]);
    sign("stranger", "request.txt");
    add("request.txt.sig").expect(5);
    // What bob signed is another text, in one letter.
    let text = std::fs::read_to_string(office.path("request.txt")).unwrap();
    std::fs::write(office.path("other.txt"), text.replace("INC-1", "INC-2")).unwrap();
    sign("bob", "other.txt");
    add("other.txt.sig").expect(5);
    // Bob's own signature, altered on its way.
    std::fs::remove_file(office.path("request.txt.sig")).unwrap();
    sign("bob", "request.txt");
    let armored = std::fs::read_to_string(office.path("request.txt.sig")).unwrap();
    std::fs::write(office.path("altered.sig"), altered(&armored)).unwrap();
    add("altered.sig").expect(5);
    assert_eq!(have(), Some(1));
    assert_eq!(scene.drops("db-a"), 0);

    let reject = ["reject", &request, "--state", "S", "--operator", "eve", "--key", "eve", "--reason", "not now"];
    office.cli(&reject).expect(0);
    run.wait_for_line(&["drop-corrupt", "rejected", "eve"]);
    // The same file would have counted before: it is bob's, over this very text.
    let late = add("request.txt.sig").expect(5);
    assert!(late.err.contains("not open any more"), "{}", late.err);
    eventually("the run asks what to do now", || office.waits_for(&id, "choice"));
    run.kill();
    assert_eq!(scene.drops("db-a"), 0);
    scene.the_log_is_on("db-a").await;
    assert_eq!(scene.identity("db-b").await.len(), 1);
}

/// The signature with one letter in its last full line exchanged.
fn altered(armored: &str) -> String {
    let mut lines: Vec<String> = armored.lines().map(str::to_owned).collect();
    let line = lines.len() - 3;
    let other = if lines[line].starts_with('A') { "B" } else { "A" };
    lines[line].replace_range(..1, other);
    lines.join("\n") + "\n"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_operator_is_never_enough_on_mariadb() {
    one_operator_is_never_enough(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_operator_is_never_enough_on_mysql() {
    one_operator_is_never_enough(Flavor::Mysql).await;
}
