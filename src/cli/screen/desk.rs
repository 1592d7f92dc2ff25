//! What a person at a screen asks for: signed with that person's key and put into the inbox, as the commands do it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::super::approve::{
    Said, expect_open, expect_stoppable, own_assessment, sign_approval, sign_objection, text_differs,
};
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::place::{now, put, state_of};
use super::super::say::sign_at;
use super::super::sight::Sight;
use super::super::who::Operator;
use super::driver::Handle;
use crate::domain::approval::challenge::Challenge;
use crate::domain::approval::votes::InputVerb;
use crate::domain::base::{RequestId, RunId};
use crate::domain::journal::Head;
use crate::domain::journal::record::Stopper;
use crate::domain::run::decide::kept;
use crate::domain::run::effect::Person;
use crate::domain::run::state::{RequestState, State};
use crate::store::sqlite::SqliteStore;
use crate::tui::model::{Action, Msg};
use crate::tui::review::{OwnLook, OwnSight, OwnText};

/// Takes actions and says what became of them.
pub struct Desk {
    store: SqliteStore,
    run: RunId,
    operator: Operator,
    /// The executor of this very process, if it has one.
    executor: Option<Handle>,
    sight: Sight,
    msgs: mpsc::Sender<Msg>,
    /// The newest own look at each request: an approval says how much of the request it confirmed.
    looks: Mutex<BTreeMap<RequestId, OwnLook>>,
}

impl Desk {
    pub fn new(
        store: SqliteStore,
        run: RunId,
        operator: Operator,
        executor: Option<Handle>,
        sight: Sight,
        msgs: mpsc::Sender<Msg>,
    ) -> Self {
        Self { store, run, operator, executor, sight, msgs, looks: Mutex::new(BTreeMap::new()) }
    }

    /// Does what is asked until the screen has ended.
    pub async fn serve(self: Arc<Self>, mut wishes: mpsc::Receiver<Action>) {
        while let Some(action) = wishes.recv().await {
            // An agent may ask for a touch and a look may take its time: a hold must not wait behind either.
            let desk = Arc::clone(&self);
            tokio::spawn(async move {
                let said = desk.obey(action).await.unwrap_or_else(|error| format!("not sent: {}", error.message));
                if !said.is_empty() {
                    let _ = desk.msgs.send(Msg::Say(said)).await;
                }
            });
        }
        std::future::pending::<()>().await;
    }

    /// Answers with what is to be told the person.
    async fn obey(&self, action: Action) -> Result<String, CliError> {
        match action {
            Action::Hold => self.hold().await,
            Action::HoldAndLeave => self.hold_and_leave().await,
            Action::Release { seen } => self.sign(&seen, InputVerb::Release, "").await,
            Action::Choose { number, seen } => self.sign(&seen, InputVerb::Choose, &number.to_string()).await,
            Action::Pick { ids, seen } => self.sign(&seen, InputVerb::Choose, &ids).await,
            Action::Skip { number, reason, seen } => {
                self.sign(&seen, InputVerb::Choose, &format!("{number} {reason}")).await
            }
            Action::Answer { text, seen } => self.sign(&seen, InputVerb::Answer, &text).await,
            Action::Abort { seen } => self.sign(&seen, InputVerb::Abort, "").await,
            Action::Approve { request, answer, reason } => self.approve(&request, answer, reason).await,
            Action::Reject { request, reason } => self.object(&request, Stopper::Rejected, reason).await,
            Action::Withdraw { request, reason } => self.object(&request, Stopper::Withdrawn, reason).await,
            Action::Note { text } => {
                self.put(&Person::Note { by: self.operator.who.to_string(), text }).await?;
                Ok("the note is on its way to the journal".to_owned())
            }
            Action::Measure { request } => {
                self.measure(request).await?;
                Ok(String::new())
            }
            // The screen does these itself.
            Action::Copy { .. } | Action::Redraw | Action::Leave => Ok(String::new()),
        }
    }

    async fn put(&self, person: &Person) -> Result<(), CliError> {
        put(&self.store, &self.run, person).await
    }

    async fn hold(&self) -> Result<String, CliError> {
        let by = self.operator.who.to_string();
        let reason = "held from the screen";
        if let Some(executor) = &self.executor
            && executor.hold(&by, reason).await
        {
            return Ok("hold: nothing new begins".to_owned());
        }
        self.put(&Person::Hold { by, reason: reason.to_owned() }).await?;
        Ok("hold is on its way to the executor".to_owned())
    }

    async fn hold_and_leave(&self) -> Result<String, CliError> {
        let who = self.operator.who.to_string();
        match &self.executor {
            Some(executor) if executor.hold_and_leave(&who, "the driver leaves").await => {
                Ok("hold: this screen closes as soon as nothing is being executed".to_owned())
            }
            _ => self.hold().await,
        }
    }

    async fn sign(&self, seen: &Head, verb: InputVerb, argument: &str) -> Result<String, CliError> {
        let Operator { signer, who, .. } = &self.operator;
        let person = sign_at(signer, who, (&self.run, seen), verb, argument).await?;
        self.put(&person).await?;
        Ok(format!("{} is signed and on its way", verb.word()))
    }

    async fn request(&self, id: &RequestId) -> Result<(State, RequestState), CliError> {
        let state = state_of(&self.store, &self.run).await?;
        let Some(request) = state.requests.get(id).cloned() else {
            return Err(CliError::usage(format!("there is no request {id} in {}", self.run)));
        };
        Ok((state, request))
    }

    async fn open_request(&self, id: &RequestId) -> Result<(State, RequestState), CliError> {
        let (state, request) = self.request(id).await?;
        expect_open(&state, &request)?;
        Ok((state, request))
    }

    async fn approve(&self, id: &RequestId, answer: String, reason: String) -> Result<String, CliError> {
        let (_, request) = self.open_request(id).await?;
        if !Challenge::of(&request).accepts(&answer) {
            return Err(CliError::new(Exit::Approval, "the answer is not right"));
        }
        let look = self.looks.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let Some(look) = look else {
            return Err(CliError::new(Exit::Approval, "your own look is not finished"));
        };
        if let Some(how) = look.contradicts() {
            return Err(CliError::new(Exit::Drift, format!("your own look differs: {how}")));
        }
        let Operator { signer, who, trust } = &self.operator;
        let said = Said { measured: look.measurement(), answer, reason };
        let person = sign_approval(signer, trust, who, &request, said).await?;
        self.put(&person).await?;
        Ok(format!("your approval of {id} is signed and on its way"))
    }

    async fn object(&self, id: &RequestId, how: Stopper, reason: String) -> Result<String, CliError> {
        let (state, request) = self.request(id).await?;
        expect_stoppable(&state, &request)?;
        let Operator { signer, who, .. } = &self.operator;
        let person = sign_objection(signer, who, (&self.run, &request), how, reason).await?;
        self.put(&person).await?;
        let word = if how == Stopper::Rejected { "rejection" } else { "withdrawal" };
        Ok(format!("your {word} of {id} is signed and on its way"))
    }

    /// Looks at the fleet with this client's own eyes and asks it everything that the request claims.
    async fn measure(&self, id: RequestId) -> Result<(), CliError> {
        let (state, request) = self.open_request(&id).await?;
        let saw = match own_assessment(&state, &self.sight).await {
            Ok(Some((assessment, snapshot))) => OwnSight::Measured {
                claims: request.assessed.relies_on.iter().map(|claim| claim.check(&snapshot)).collect(),
                text: text_differs(&request, &assessment).map_or(OwnText::Same, |how| OwnText::Differs { how }),
                assessed: Box::new(kept(&assessment)),
            },
            Ok(None) => OwnSight::Impossible { why: "the run is at no step".to_owned() },
            Err(error) => OwnSight::Impossible { why: error.message },
        };
        let look = OwnLook { request: id.clone(), at: now(), saw };
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).insert(id, look.clone());
        let _ = self.msgs.send(Msg::Review(look)).await;
        Ok(())
    }
}
