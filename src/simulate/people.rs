//! Simulated operators: they read the journal as a client does and answer through the inbox, with real signatures.
//!
//! Some are slow, some send twice or too late, and one is no operator at all. Their keys come from known seeds, so
//! nothing that is signed here can ever count in a real run: its trust does not name them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::audit::Audit;
use super::clock::SimulatedWorld;
use super::dice::Dice;
use super::faults::{Faults, Weather};
use crate::domain::approval::policy::Policy;
use crate::domain::approval::roster::{Operator, RevokedKeys, Roster};
use crate::domain::approval::sshsig::{PublicKey, Verb};
use crate::domain::approval::trust::{Trust, TrustFiles, TrustText};
use crate::domain::approval::votes::{Input, InputVerb, JournalHead, Objection, Stop, Subject};
use crate::domain::base::{Digest, Principal, RequestId, RunId, Timestamp};
use crate::domain::journal::record::{Approval, Choice, OwnMeasurement, Stopper};
use crate::domain::run::effect::Person;
use crate::domain::run::state::{Armed, Phase, RequestState, State};
use crate::executor::ports::World as _;
use crate::keys::SecretKey;
use crate::store::Inbox as _;
use crate::store::memory::MemoryStore;

/// Every key of the simulation: its seed and whose it is. Ana has two; eve is not in the roster.
const KEYS: [(u8, &str); 5] = [(1, "ana"), (2, "bob"), (3, "chen"), (11, "ana"), (66, "eve")];

/// How often a run is tried again before somebody aborts it.
const PATIENCE: u32 = 12;

/// The keys of the simulation, made once: each run would make the same ones again.
static MADE: LazyLock<BTreeMap<u8, SecretKey>> = LazyLock::new(|| {
    KEYS.iter()
        .map(|(seed, person)| {
            let key = SecretKey::from_seed(&[*seed; 32]);
            (*seed, key.unwrap_or_else(|why| panic!("the seed {seed} of {person} gives no key: {why}")))
        })
        .collect()
});

/// The key of `seed`.
///
/// # Panics
/// If it is none of the seeds in use.
pub fn key(seed: u8) -> &'static SecretKey {
    MADE.get(&seed).unwrap_or_else(|| panic!("{seed} is no seed of the simulation"))
}

/// Whose key it is, if it is one of the simulation's operators.
pub fn person_of(key_found: &PublicKey) -> Option<&'static str> {
    KEYS.iter().find(|(seed, _)| key(*seed).public() == key_found).map(|(_, person)| *person)
}

/// The name of a simulated operator.
///
/// # Panics
/// If the name is no principal; the names in use are.
pub fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap_or_else(|why| panic!("{why}"))
}

/// Trust with ana, bob and chen and this policy; `aliases` enters further keys under names of their own.
pub fn trust(policy: &str, aliases: &[(&str, u8)]) -> Result<Trust, String> {
    let texts = trust_texts(policy, aliases)?;
    Trust::anchored(texts.files(), &Digest::of(texts.trust.as_bytes())).map_err(|error| error.to_string())
}

/// The files that say who the simulated operators are.
#[derive(Debug, Clone)]
pub struct TrustTexts {
    pub trust: String,
    pub operators: String,
    pub policy: String,
    pub revoked_keys: String,
}

impl TrustTexts {
    fn files(&self) -> TrustFiles<'_> {
        TrustFiles {
            trust: self.trust.as_bytes(),
            operators: self.operators.as_bytes(),
            policy: self.policy.as_bytes(),
            revoked_keys: self.revoked_keys.as_bytes(),
        }
    }
}

/// What [`trust`] is made of.
pub fn trust_texts(policy: &str, aliases: &[(&str, u8)]) -> Result<TrustTexts, String> {
    let people = KEYS.iter().filter(|(_, person)| *person != "eve").filter(|(seed, _)| {
        // A key stands in the roster once.
        !aliases.iter().any(|(_, alias)| alias == seed)
    });
    let operators = people
        .map(|(seed, person)| (*person, *seed))
        .chain(aliases.iter().copied())
        .map(|(person, seed)| Operator::new(principal(person), key(seed).public().clone()))
        .collect();
    let roster = Roster::new(operators).map_err(|error| error.to_string())?;
    let (operators, revoked_keys) = (roster.render(), RevokedKeys::default().render());
    Policy::parse(policy.as_bytes()).map_err(|error| error.to_string())?;
    let text = TrustText {
        serial: 1,
        previous: Digest::zero(),
        created: Timestamp::from_millis(0),
        threshold: 2,
        operators: Digest::of(operators.as_bytes()),
        policy: Digest::of(policy.as_bytes()),
        revoked_keys: Digest::of(revoked_keys.as_bytes()),
    };
    let trust = text.render().map_err(|error| error.to_string())?;
    Ok(TrustTexts { trust, operators, policy: policy.to_owned(), revoked_keys })
}

/// All the people around one run.
#[derive(Debug)]
pub struct Crowd {
    pub store: MemoryStore,
    pub run: RunId,
    pub world: SimulatedWorld,
    pub dice: Dice,
    pub faults: Arc<Faults>,
    /// They read the journal through it: everybody who reads what is durable reads the same.
    audit: Audit,
    /// Inputs that arrive again later.
    late: Vec<Vec<u8>>,
    /// The entry that was last answered, not to shout.
    answered: Option<u64>,
}

impl Crowd {
    pub fn new(
        store: &MemoryStore,
        run: &RunId,
        world: &SimulatedWorld,
        dice: &Dice,
        faults: &Arc<Faults>,
        audit: &Audit,
    ) -> Self {
        Self {
            store: store.clone(),
            run: run.clone(),
            world: world.clone(),
            dice: dice.fork("people"),
            faults: Arc::clone(faults),
            audit: audit.clone(),
            late: Vec::new(),
            answered: None,
        }
    }

    /// Looks and answers, for ever.
    pub async fn live(mut self) {
        let (mut idle, mut before) = (0, 0);
        loop {
            tokio::time::sleep(Duration::from_millis(150 + self.dice.below(400))).await;
            self.audit.catch_up().await;
            // What was answered and went nowhere is answered again after a while.
            let read = self.audit.records();
            idle = if read == before { idle + 1 } else { 0 };
            before = read;
            if idle > 8 {
                (self.answered, idle) = (None, 0);
            }
            if let Some(state) = self.audit.state() {
                self.act(&state).await;
            }
        }
    }

    async fn act(&mut self, state: &State) {
        if self.rough(4)
            && let Some(late) = self.late.pop()
        {
            self.faults.happened("input late");
            self.put_bytes(late).await;
        }
        if self.rough(1) {
            self.put(&Person::Hold { by: "chen".to_owned(), reason: "wait".to_owned() }).await;
        }
        if self.rough(1) {
            self.put(&Person::Note { by: "bob".to_owned(), text: "seen".to_owned() }).await;
        }
        if self.answered == state.head.seq() {
            return;
        }
        self.answered = state.head.seq();
        if state.held.is_some() {
            return self.sign_input(state, "bob", InputVerb::Release, "go on").await;
        }
        match &state.phase {
            Phase::Requested { request } => {
                if let Some(asked) = state.requests.get(request) {
                    self.vote(request, asked).await;
                }
            }
            Phase::Asking | Phase::Stopped { .. } if self.rough(2) => {
                self.sign_input(state, "chen", InputVerb::Abort, "enough").await;
            }
            Phase::Asking => self.sign_input(state, "ana", InputVerb::Answer, "done, 0 writes in 60 s").await,
            Phase::Stopped { choices, .. } => self.choose(state, choices).await,
            Phase::Armed { plan, .. } | Phase::Sending { plan, .. } | Phase::Doubt { plan, .. } if self.rough(6) => {
                self.speak_late(state, plan).await;
            }
            _ if self.rough(1) => self.sign_input(state, "chen", InputVerb::Abort, "enough").await,
            _ => {}
        }
    }

    /// One more says yes or no when everything is signed already.
    async fn speak_late(&mut self, state: &State, plan: &Armed) {
        let Some(id) = &plan.request else { return };
        let Some(asked) = state.requests.get(id) else { return };
        self.faults.happened("somebody says yes or no when it is all signed");
        if self.dice.chance(50) {
            self.object(id, asked).await;
        } else {
            let armored = key(3).sign(Verb::Approve, asked.text.as_bytes());
            self.approve(id, "chen", armored).await;
        }
    }

    async fn choose(&mut self, state: &State, choices: &[Choice]) {
        let wanted = match () {
            () if self.audit.stops() > PATIENCE => Choice::Abort,
            () if choices.contains(&Choice::EndStatement) && self.rough(50) => Choice::EndStatement,
            () if choices.contains(&Choice::LookAgain) && !self.rough(30) => Choice::LookAgain,
            () if choices.contains(&Choice::GoOn) && !self.rough(30) => Choice::GoOn,
            () if choices.contains(&Choice::PromoteByHand) && !self.rough(20) => Choice::PromoteByHand,
            () if choices.contains(&Choice::TryAgain) => Choice::TryAgain,
            () => Choice::Abort,
        };
        let number = choices.iter().position(|choice| *choice == wanted).map_or(1, |place| place + 1);
        self.sign_input(state, "ana", InputVerb::Choose, &number.to_string()).await;
    }

    async fn vote(&mut self, id: &RequestId, request: &RequestState) {
        if self.rough(30) {
            self.vote_badly(id, request).await;
            if self.dice.chance(50) {
                return;
            }
        }
        if self.rough(4) {
            return self.object(id, request).await;
        }
        if self.rough(10) {
            return self.race(id, request).await;
        }
        let signed = |name: &str| request.approvals.iter().any(|approval| approval.by.as_str() == name);
        let people = if self.dice.chance(50) { [("bob", 2), ("ana", 1)] } else { [("chen", 3), ("bob", 2)] };
        if let Some((name, seed)) = people.into_iter().find(|(name, _)| !signed(name)) {
            let armored = key(seed).sign(Verb::Approve, request.text.as_bytes());
            self.approve(id, name, armored).await;
        }
    }

    /// Everybody at the same moment, and not of one mind.
    async fn race(&mut self, id: &RequestId, request: &RequestState) {
        self.faults.happened("operators at the same moment");
        let signed = |seed| key(seed).sign(Verb::Approve, request.text.as_bytes());
        self.approve(id, "bob", signed(2)).await;
        self.approve(id, "ana", signed(1)).await;
        match self.dice.below(4) {
            0 => self.object(id, request).await,
            1 => self.put(&Person::Hold { by: "chen".to_owned(), reason: "wait".to_owned() }).await,
            _ => self.approve(id, "chen", signed(3)).await,
        }
    }

    /// The same person twice, other bytes, a stranger, somebody else's name.
    async fn vote_badly(&mut self, id: &RequestId, request: &RequestState) {
        let text = request.text.as_bytes();
        let (name, armored) = match self.dice.below(5) {
            0 => ("ana", key(11).sign(Verb::Approve, text)),
            1 => ("ana", key(1).sign(Verb::Approve, text)),
            2 => ("bob", key(2).sign(Verb::Approve, &[text, b" "].concat())),
            3 => ("eve", key(66).sign(Verb::Approve, text)),
            _ => ("bob", key(1).sign(Verb::Approve, text)),
        };
        self.approve(id, name, armored).await;
        // With an alias in a broken roster the second key of one person goes under another name.
        if self.dice.chance(50) {
            self.approve(id, "ana2", key(11).sign(Verb::Approve, text)).await;
        }
    }

    async fn approve(&mut self, id: &RequestId, name: &str, armored: String) {
        let approval = Approval {
            by: principal(name),
            armored,
            measured: Some(OwnMeasurement { confirmed: 3, of: 3 }),
            answer: Some("3".to_owned()),
            reason: None,
        };
        self.put(&Person::Approve { request: id.clone(), approval }).await;
    }

    async fn object(&mut self, id: &RequestId, request: &RequestState) {
        let sha256 = Digest::of(request.text.as_bytes());
        let objection = Objection {
            stop: Stop::Reject,
            subject: Subject { run: self.run.clone(), request: id.clone(), sha256 },
            by: principal("chen"),
            created: self.world.now(),
            reason: "not now".to_owned(),
        };
        let Ok(text) = objection.render() else { return };
        let armored = key(3).sign(Verb::Reject, text.as_bytes());
        self.put(&Person::Stop { request: id.clone(), how: Stopper::Rejected, text, armored }).await;
    }

    async fn sign_input(&mut self, state: &State, name: &str, verb: InputVerb, argument: &str) {
        let Some(entry) = state.head.seq() else { return };
        let input = Input {
            run: self.run.clone(),
            head: JournalHead { entry, sha256: state.head.digest().clone() },
            by: principal(name),
            created: self.world.now(),
            verb,
            argument: argument.to_owned(),
        };
        let Ok(text) = input.render() else { return };
        let seed = KEYS.iter().find(|(_, person)| *person == name).map_or(66, |(seed, _)| *seed);
        let armored = key(seed).sign(Verb::Input, text.as_bytes());
        self.put(&Person::Signed { text, armored }).await;
    }

    async fn put(&mut self, person: &Person) {
        // What a client writes is plain data, which always serializes.
        let Ok(bytes) = serde_json::to_vec(person) else { return };
        if self.rough(6) {
            self.late.push(bytes.clone());
        }
        if self.rough(6) {
            self.faults.happened("input twice");
            self.put_bytes(bytes.clone()).await;
        }
        if self.rough(4) {
            self.faults.happened("input lost on its way");
        } else {
            self.put_bytes(bytes).await;
        }
    }

    async fn put_bytes(&self, bytes: Vec<u8>) {
        // A run that does not exist yet takes no input; the person tries again.
        if let Ok(id) = self.store.put_input(&self.run, &bytes).await {
            self.audit.was_put(id);
        }
    }

    fn rough(&mut self, percent: u64) -> bool {
        self.faults.weather == Weather::Rough && self.dice.chance(percent)
    }
}
