//! One operator is never enough to drop a table, whatever that one does. The DROP of the last case, which two people
//! did sign, is found in the same log in which there was none before.

use countersign::domain::journal::record::Approval;
use countersign::domain::run::effect::Person;
use countersign::lab::Flavor;

use crate::driver::{Office, Run, eventually, tool};
use crate::scene::{PARAMS, Scene};

const DROP_SIGNED: &str = "tests/cases/drop-signed.yaml";

/// How long a request lives in the office that shows expiry.
const SHORT: &str = "version: 1\nclasses:\n  destructive: {max_age: 15s}\n";

/// A run at its DROP, with a request that two must sign.
struct Gate<'a> {
    office: &'a Office,
    run: Run,
    id: String,
    request: String,
}

impl<'a> Gate<'a> {
    fn open(scene: &Scene, office: &'a Office) -> Self {
        let mut run = office.run(DROP_SIGNED, &scene.topology.fleet_file(), &PARAMS);
        let request = office.play_until_gate(&mut run, "drop-corrupt");
        let id = run.id();
        Self { office, run, id, request }
    }

    /// The next request of the same run, behind one that is over.
    fn again(&mut self) {
        eventually("the run asks what to do now", || self.office.waits_for(&self.id, "choice"));
        let by = ["--state", "S", "--operator", "ana", "--key", "ana"];
        self.office.cli(&[&["choose", &self.id, "1"], &by[..]].concat()).expect(0);
        self.request = self.office.play_until_gate(&mut self.run, "drop-corrupt");
    }

    /// How many people the gate has.
    fn have(&self) -> u64 {
        let wait = self.office.waits_for(&self.id, "approval").unwrap();
        assert_eq!(wait["request"], self.request.as_str());
        wait["have"].as_u64().unwrap()
    }

    #[track_caller]
    fn expect_people(&self, people: u64) {
        eventually(&format!("{people} people"), || (self.have() == people).then_some(()));
    }

    /// How often the run has told this since it began.
    fn told(&self, words: &[&str]) -> usize {
        self.run.text().lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// The signature of a key over the text of this gate's request, by stock `ssh-keygen`.
    fn sign(&self, key: &str) -> String {
        sign(self.office, &self.request, key)
    }

    /// `approval add` with this signature in a file.
    fn add(&self, armored: &str) -> crate::driver::Said {
        std::fs::write(self.office.path("added.sig"), armored).unwrap();
        self.office.cli(&["approval", "add", &self.request, "added.sig", "--state", "S"])
    }

    /// What somebody with write permission puts into the inbox past the program, and how the run answers it.
    #[track_caller]
    fn smuggle(&self, by: &str, armored: &str, answer: &[&str]) {
        let approval = Approval {
            by: by.parse().unwrap(),
            armored: armored.to_owned(),
            measured: None,
            answer: None,
            reason: None,
        };
        let person = Person::Approve { request: self.request.parse().unwrap(), approval };
        self.leave(&serde_json::to_vec(&person).unwrap(), answer);
    }

    #[track_caller]
    fn leave(&self, body: &[u8], answer: &[&str]) {
        let before = self.told(answer);
        leave(self.office, &self.id, body);
        eventually(&format!("{answer:?} once more in\n{}", self.run.text()), || {
            (self.told(answer) == before + 1).then_some(())
        });
    }
}

fn sign(office: &Office, request: &str, key: &str) -> String {
    let text = format!("{request}.txt");
    office.cli(&["request", "export", request, "--state", "S", "-o", &text]).expect(0);
    let (key, file) = (office.path(key), office.path(&text));
    let arguments = ["-q", "-Y", "sign", "-f", key.to_str().unwrap(), "-n", "approve@countersign"];
    let signature = office.path(&format!("{text}.sig"));
    // It asks before it writes over an earlier one.
    let _ = std::fs::remove_file(&signature);
    tool("ssh-keygen", &[&arguments[..], &[file.to_str().unwrap()]].concat(), None).expect(0);
    std::fs::read_to_string(signature).unwrap()
}

/// One complete file in the inbox, under a name as the program gives them.
fn leave(office: &Office, run: &str, body: &[u8]) {
    let inbox = office.path("S/inbox");
    let count = std::fs::read_dir(office.path(".")).unwrap().count();
    let draft = office.path(&format!("smuggled-{count}"));
    std::fs::write(&draft, body).unwrap();
    std::fs::hard_link(&draft, inbox.join(format!("{run}.{count:016x}-{count:032x}"))).unwrap();
}

/// The signature with one letter exchanged, in the part that holds the signature proper.
fn altered(armored: &str) -> String {
    let mut lines: Vec<String> = armored.lines().map(str::to_owned).collect();
    let line = lines.len() - 3;
    let other = if &lines[line][40..41] == "A" { "B" } else { "A" };
    lines[line].replace_range(40..41, other);
    lines.join("\n") + "\n"
}

/// Driving approves nothing, and a rejection or a withdrawal ends what was signed.
fn whoever_says_no_is_heard(gate: &mut Gate<'_>) {
    assert_eq!(gate.have(), 0, "driving a run approves nothing");
    let bobs = gate.sign("bob");
    gate.add(&bobs).expect(0);
    gate.expect_people(1);
    let anas = gate.sign("ana");
    let object = |gate: &Gate<'_>, verb: &str, who: &str| {
        let by = ["--state", "S", "--operator", who, "--key", who, "--reason", "not now"];
        gate.office.cli(&[&[verb, gate.request.as_str()], &by[..]].concat()).expect(0);
    };
    object(gate, "reject", "eve");
    gate.run.wait_for_line(&["drop-corrupt", "rejected", "eve"]);
    // It would have been the second signature, and it is in order.
    let late = gate.add(&anas).expect(5);
    assert!(late.err.contains("not open any more: eve said no: not now"), "{}", late.err);
    gate.smuggle("ana", &anas, &["not accepted", "is not open any more"]);

    gate.again();
    gate.office.approve(&gate.request, "ana").expect(0);
    gate.expect_people(1);
    let bobs = gate.sign("bob");
    object(gate, "withdraw", "ana");
    gate.run.wait_for_line(&["drop-corrupt", "withdrawn", "ana"]);
    let late = gate.add(&bobs).expect(5);
    assert!(late.err.contains("not open any more: ana said no"), "{}", late.err);
    gate.smuggle("bob", &bobs, &["not accepted", "is not open any more"]);
}

/// One person with two keys, who signs as often as there is time for.
fn one_person_counts_once(gate: &Gate<'_>) {
    let again = "`ana` is counted already";
    gate.office.approve(&gate.request, "ana").expect(0);
    gate.expect_people(1);
    let said = gate.office.approve(&gate.request, "ana").expect(5);
    assert!(said.err.contains(again), "{}", said.err);
    let answer = gate.office.answer(&gate.request);
    let said = ["--answer", answer.as_str(), "--reason", "checked", "--state", "S"];
    let approve = ["approve", gate.request.as_str(), "--operator"];
    let other_key = gate.office.cli(&[&approve[..], &["ana", "--key", "ana2"], &said[..]].concat()).expect(5);
    assert!(other_key.err.contains(again), "{}", other_key.err);
    let as_bob = gate.office.cli(&[&approve[..], &["bob", "--key", "ana"], &said[..]].concat()).expect(5);
    assert!(as_bob.err.contains("is not a key of bob"), "{}", as_bob.err);
    for key in ["ana", "ana2"] {
        let signature = gate.sign(key);
        assert!(gate.add(&signature).expect(5).err.contains(again));
        gate.smuggle("ana", &signature, &["drop-corrupt", "not counted", again]);
    }
    assert_eq!(gate.have(), 1);
}

/// What passes for bob's signature and is not bob's over this text.
fn nobody_else_is_bob(gate: &Gate<'_>, earlier: &str) {
    let counted = |words| ["drop-corrupt", "not counted", words];
    let bobs = gate.sign("bob");
    gate.smuggle("bob", &gate.sign("ana"), &counted("came as the signature of `bob` and is one of `ana`"));
    gate.smuggle("eve", &bobs, &counted("came as the signature of `eve` and is one of `bob`"));
    for (signature, why) in [
        (gate.sign("stranger"), "is not in the roster"),
        (earlier.to_owned(), "does not match"),
        (altered(&bobs), "does not match"),
    ] {
        gate.smuggle("bob", &signature, &counted(why));
        let said = gate.add(&signature).expect(5);
        assert!(said.err.contains("does not count") && said.err.contains(why), "{}", said.err);
    }
    gate.leave(b"approve it, says bob", &["not accepted", "an input that cannot be read"]);
    assert_eq!(gate.have(), 1);
}

/// Requests that will expire: one with a signature from before, one whose signatures wait in the inbox of an executor
/// that is dead, which another one does not take, and one that both have signed and somebody holds.
struct Expiring<'a> {
    half: Gate<'a>,
    orphaned: Gate<'a>,
    held: Gate<'a>,
}

impl<'a> Expiring<'a> {
    fn open(scene: &Scene, office: &'a Office) -> Self {
        let mut held = Gate::open(scene, office);
        held.office.approve(&held.request, "ana").expect(0);
        held.add(&held.sign("bob")).expect(0);
        held.run.wait_for_line(&["drop-corrupt", "armed"]);
        office.cli(&["hold", &held.id, "wait", "--state", "S", "--operator", "eve"]).expect(0);
        held.run.wait_for_line(&["held", "eve: wait"]);

        let half = Gate::open(scene, office);
        half.add(&half.sign("bob")).expect(0);
        half.expect_people(1);

        let mut orphaned = Gate::open(scene, office);
        orphaned.run.kill();
        for key in ["ana", "bob"] {
            orphaned.add(&orphaned.sign(key)).expect(0);
        }
        Self { half, orphaned, held }
    }

    /// Nothing of it runs once the time is over.
    fn expect_nothing_runs(mut self) {
        let choice = eventually("half a request expires", || self.half.office.waits_for(&self.half.id, "choice"));
        assert!(choice["why"].as_str().unwrap().contains("it expired at"), "{choice}");
        let late = sign(self.half.office, &self.half.request, "ana");
        let said = self.half.add(&late).expect(5);
        assert!(said.err.contains("not open any more: it expired at"), "{}", said.err);
        self.half.smuggle("ana", &late, &["not accepted", "is not open any more"]);

        eventually("the orphaned request is over", || {
            // A wrong answer approves nothing, as long as the request would still take one.
            let eve = ["--state", "S", "--operator", "eve", "--key", "eve", "--answer", "?", "--reason", "late"];
            let said = self.orphaned.office.cli(&[&["approve", &self.orphaned.request], &eve[..]].concat()).expect(5);
            said.err.contains("expired at").then_some(())
        });
        self.orphaned.run = self.orphaned.office.resume(&self.orphaned.id);
        eventually("what was asked before the takeover is void, and the run asks anew", || {
            let asked = self.orphaned.office.waits_for(&self.orphaned.id, "approval")?;
            (asked["request"] != self.orphaned.request.as_str()).then_some(())
        });
        eventually("both late signatures are on record", || {
            (self.orphaned.told(&["not accepted", "is not open any more"]) == 2).then_some(())
        });

        let by = ["--state", "S", "--operator", "ana", "--key", "ana"];
        self.held.office.cli(&[&["release", &self.held.id], &by[..]].concat()).expect(0);
        let choice = eventually("a held request expires", || self.held.office.waits_for(&self.held.id, "choice"));
        assert!(choice["why"].as_str().unwrap().contains("the request expired at"), "{choice}");
    }
}

async fn one_operator_is_never_enough(flavor: Flavor) {
    let mut scene = Scene::broken(flavor, 200).await;
    scene.office = Office::with(&["ana=ana.pub", "ana=ana2.pub", "bob=bob.pub", "eve=eve.pub"], None);
    let short = Office::with(&["ana=ana.pub", "bob=bob.pub", "eve=eve.pub"], Some(SHORT));
    let expiring = Expiring::open(&scene, &short);

    let mut gate = Gate::open(&scene, &scene.office);
    whoever_says_no_is_heard(&mut gate);
    let earlier = gate.sign("bob");
    gate.again();
    one_person_counts_once(&gate);
    nobody_else_is_bob(&gate, &earlier);
    expiring.expect_nothing_runs();
    assert_eq!(scene.drops("db-a"), 0, "{}", gate.run.text());
    scene.the_log_is_on("db-a").await;

    // The control: what was missing was bob, who signs now.
    gate.add(&gate.sign("bob")).expect(0);
    assert_eq!(gate.run.wait(), 0, "{}", gate.run.text());
    assert_eq!(scene.drops("db-a"), 1, "{}", gate.run.text());
    assert_eq!(scene.office.audit(&gate.id), 4, "bob, ana, and both of them");
    assert_eq!(scene.identity("db-b").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_operator_is_never_enough_on_mariadb() {
    one_operator_is_never_enough(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_operator_is_never_enough_on_mysql() {
    one_operator_is_never_enough(Flavor::Mysql).await;
}
