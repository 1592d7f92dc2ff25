//! One message in, the changed model and a person's wishes out. No clock, no environment, no waiting.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::field::Edit;
use super::keymap::{self, Command, Mode};
use super::model::{Action, Executor, Model, Msg, Seat};
use super::review::{self, Focus, Missing, Review, WRONG_ANSWERS};
use super::ui::{Became, Follow, Popup, Prompt, Purpose, View};
use super::{draw, status, words};
use crate::domain::base::Span;
use crate::domain::journal::record::Choice;
use crate::domain::run::state::Phase;

/// A second Ctrl-C within this time holds and leaves.
const TWICE: Span = Span::from_secs(2);

/// Takes in one message.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Action> {
    let mut actions = Vec::new();
    match msg {
        Msg::Record(seen) => {
            model.take(*seen);
            model.ui.news(model.now);
            actions = news(model);
        }
        Msg::Live(live) if live == model.live => return actions,
        Msg::Live(live) => model.live = live,
        Msg::Snapshot(snapshot) => model.snapshot = Some(snapshot),
        Msg::Executor(executor) if executor == model.executor => return actions,
        Msg::Executor(executor) => model.executor = executor,
        Msg::Review(look) => {
            unread(model);
            model.own.insert(look.request.clone(), look);
        }
        Msg::Key(key) => actions = typed(model, &key),
        Msg::Paste => model.ui.message = Some("nothing was pasted: type it".to_owned()),
        Msg::Resize { width, height } => {
            (model.ui.width, model.ui.height) = (width, height);
            unread(model);
        }
        Msg::Tick(now) if now.millis().div_euclid(1000) == model.now.millis().div_euclid(1000) => {
            model.now = now;
            return actions;
        }
        Msg::Tick(now) => {
            model.now = now;
            model.ui.forget_old(now);
        }
        Msg::Say(text) => model.ui.became = Some(Became::new(words::say(&text), model.now)),
    }
    draw::review::note_what_was_shown(model);
    model.revision += 1;
    actions
}

/// What is to be read has changed: it counts as unread, and reading begins at its top.
fn unread(model: &mut Model) {
    if let Some(review) = &mut model.review {
        review.read_rows = 0;
        if model.ui.view == View::Review && model.ui.popup.is_none() {
            model.ui.scroll = 0;
        }
    }
}

/// A record may end what the person was doing, or bring up a request for a reviewer.
fn news(model: &mut Model) -> Vec<Action> {
    model.ui.choice = harmless_choice(model);
    let stale = match (model.ui.prompt.as_ref().map(|prompt| &prompt.purpose), model.state.as_ref()) {
        (Some(Purpose::Choose { .. } | Purpose::Skip { .. }), Some(state)) => {
            !matches!(state.phase, Phase::Stopped { .. })
        }
        (Some(Purpose::Pick), Some(state)) => !matches!(state.phase, Phase::Choosing { .. }),
        (Some(Purpose::Answer), Some(state)) => !matches!(state.phase, Phase::Asking),
        (Some(Purpose::Release), Some(state)) => state.held.is_none(),
        (Some(Purpose::Withdraw { .. }), Some(_)) => model.open_request().is_none(),
        _ => false,
    };
    if stale {
        model.ui.prompt = None;
        model.ui.message = Some("the run went on; what you were typing was not sent".to_owned());
    }
    if model.viewer.seat == Seat::Reviews
        && model.review.as_ref().is_none_or(|review| is_over(model, review))
        && waits(model)
    {
        return open_review(model);
    }
    Vec::new()
}

/// Whether a request is open to which this person has said nothing. What was said here counts from the key on: until it
/// stands in the journal, other records may come.
fn waits(model: &Model) -> bool {
    let signed = |request| model.viewer.who.as_ref().is_some_and(|who| review::approved(request, who));
    model.open_request().is_some_and(|request| !signed(request) && !model.spoken.contains(&request.header.request))
}

/// Whether nothing can be said to the request any more, and nothing was typed that would be lost.
fn is_over(model: &Model, review: &Review) -> bool {
    let ended = model.request(&review.request).is_some_and(|request| request.ended.is_some());
    ended && review.focus == Focus::Reading
}

/// The only choice that may be marked beforehand is one that changes nothing.
fn harmless_choice(model: &Model) -> Option<usize> {
    let Some(Phase::Stopped { choices, .. }) = model.state.as_ref().map(|state| &state.phase) else { return None };
    choices.iter().position(|choice| *choice == Choice::LookAgain)
}

fn typed(model: &mut Model, key: &KeyEvent) -> Vec<Action> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let mode = keymap::mode(model);
    let Some(command) = keymap::lookup(mode, key) else {
        match mode {
            Mode::Typing => edit(model, key),
            Mode::Reading => {
                let name = words::key(key);
                model.ui.message = Some(format!("`{name}` does nothing here; ? shows the keys"));
            }
        }
        return Vec::new();
    };
    model.ui.message = None;
    model.ui.became = None;
    match keymap::why_off(model, command) {
        None => obey(model, command),
        // Stopping is never refused here: what looks held may have been released a moment ago.
        Some(_) if command == Command::Hold && !model.is_over() => vec![Action::Hold],
        Some(why) => {
            let label = keymap::binding(command, mode).map_or("", |binding| binding.says);
            model.ui.message = Some(format!("{label} is off: {why}"));
            Vec::new()
        }
    }
}

fn obey(model: &mut Model, command: Command) -> Vec<Action> {
    match command {
        Command::Hold => vec![Action::Hold],
        Command::Interrupt => interrupt(model),
        Command::Leave => leave(model),
        Command::HoldAndLeave => vec![Action::HoldAndLeave],
        Command::Redraw => vec![Action::Redraw],
        Command::Back => back(model),
        Command::Show(View::Review) => open_review(model),
        Command::Show(view) => show(model, view),
        Command::Next => focus(model, Focus::next),
        Command::Previous => focus(model, Focus::previous),
        Command::Open => open(model),
        Command::Help => popup(model, Popup::Help),
        Command::FullText => full_text(model),
        Command::Evidence => evidence(model),
        Command::Copy => vec![Action::Copy { text: draw::copied(model) }],
        Command::Measure => measure(model),
        Command::Note => prompt(model, Purpose::Note),
        Command::Release => prompt(model, Purpose::Release),
        Command::Abort => {
            let expects = model.state.as_ref().map(|state| state.opened.run.to_string()).unwrap_or_default();
            prompt(model, Purpose::Abort { expects })
        }
        Command::Withdraw => match model.open_request().map(|request| request.header.request.clone()) {
            Some(request) => prompt(model, Purpose::Withdraw { request }),
            None => Vec::new(),
        },
        Command::Follow => {
            model.ui.follow = if model.ui.follow == Follow::On { Follow::Off } else { Follow::On };
            Vec::new()
        }
        scrolling => {
            scroll(model, scrolling);
            Vec::new()
        }
    }
}

fn popup(model: &mut Model, popup: Popup) -> Vec<Action> {
    model.ui.popup = Some(popup);
    model.ui.scroll = 0;
    Vec::new()
}

fn prompt(model: &mut Model, purpose: Purpose) -> Vec<Action> {
    model.ui.popup = None;
    model.ui.prompt = Some(Prompt::new(purpose));
    Vec::new()
}

fn show(model: &mut Model, view: View) -> Vec<Action> {
    (model.ui.view, model.ui.popup, model.ui.scroll) = (view, None, 0);
    Vec::new()
}

fn open_review(model: &mut Model) -> Vec<Action> {
    let Some(request) = model.open_request().map(|request| request.header.request.clone()) else { return Vec::new() };
    show(model, View::Review);
    if model.review.as_ref().is_some_and(|review| review.request == request) {
        return Vec::new();
    }
    model.review = Some(Review::new(request.clone(), model.now));
    if model.own.contains_key(&request) { Vec::new() } else { vec![Action::Measure { request }] }
}

fn measure(model: &mut Model) -> Vec<Action> {
    let Some(request) = model.open_request().map(|request| request.header.request.clone()) else { return Vec::new() };
    model.own.remove(&request);
    vec![Action::Measure { request }]
}

fn full_text(model: &mut Model) -> Vec<Action> {
    let Some(request) = model.request_in_front() else { return Vec::new() };
    let lines = request.text.lines().map(words::say).collect();
    let title = format!("the bytes that are signed: request {}", request.header.request);
    popup(model, Popup::Text { title, lines })
}

fn evidence(model: &mut Model) -> Vec<Action> {
    let lines = draw::checks::evidence(model);
    let of = model.state.as_ref().map(status::step_name).unwrap_or_default();
    popup(model, Popup::Text { title: format!("evidence of {of}"), lines })
}

fn back(model: &mut Model) -> Vec<Action> {
    if model.ui.popup.take().is_some() || model.ui.prompt.take().is_some() {
        model.ui.scroll = 0;
        return Vec::new();
    }
    match &mut model.review {
        Some(review) if model.ui.view == View::Review && review.focus != Focus::Reading => {
            review.focus = Focus::Reading;
            Vec::new()
        }
        _ => show(model, View::Steps),
    }
}

fn leave(model: &mut Model) -> Vec<Action> {
    if model.viewer.seat == Seat::Executes && !model.is_over() && model.state.is_some() {
        return popup(model, Popup::Leave);
    }
    vec![Action::Leave]
}

/// The first Ctrl-C is `q`; a second one shortly after holds at once and leaves. What is being executed is not killed.
fn interrupt(model: &mut Model) -> Vec<Action> {
    let twice = model.ui.interrupted.is_some_and(|first| model.now.since(first) <= TWICE);
    model.ui.interrupted = Some(model.now);
    if twice && model.viewer.seat == Seat::Executes {
        return vec![Action::HoldAndLeave];
    }
    leave(model)
}

fn focus(model: &mut Model, step: fn(Focus) -> Focus) -> Vec<Action> {
    if model.ui.prompt.is_some() || model.ui.popup.is_some() {
        return Vec::new();
    }
    if let (View::Review, Some(review)) = (model.ui.view, &mut model.review) {
        review.focus = step(review.focus);
        return Vec::new();
    }
    match model.state.as_ref().map(|state| &state.phase) {
        Some(Phase::Asking) if model.ui.view == View::Steps => prompt(model, Purpose::Answer),
        Some(Phase::Choosing { .. }) if model.ui.view == View::Steps => prompt(model, Purpose::Pick),
        _ => Vec::new(),
    }
}

fn scroll(model: &mut Model, command: Command) {
    let page = draw::page(model);
    let last = draw::last_scroll(model);
    if let (None, View::Steps, Some(count)) = (&model.ui.popup, model.ui.view, choices(model)) {
        let at = model.ui.choice;
        model.ui.choice = match command {
            Command::Up => Some(at.map_or(count - 1, |at| at.saturating_sub(1))),
            Command::Down => Some(at.map_or(0, |at| (at + 1).min(count - 1))),
            _ => at,
        };
        if matches!(command, Command::Up | Command::Down) {
            return;
        }
    }
    if model.ui.view == View::Timeline && model.ui.popup.is_none() && model.ui.follow == Follow::On {
        (model.ui.follow, model.ui.scroll) = (Follow::Off, last);
    }
    model.ui.scroll = match command {
        Command::Up => model.ui.scroll.saturating_sub(1),
        Command::Down => model.ui.scroll + 1,
        Command::PageUp => model.ui.scroll.saturating_sub(page),
        Command::PageDown => model.ui.scroll + page,
        Command::Top => 0,
        Command::Bottom => last,
        _ => model.ui.scroll,
    }
    .min(last);
}

fn choices(model: &Model) -> Option<usize> {
    match model.state.as_ref().map(|state| &state.phase) {
        Some(Phase::Stopped { choices, .. }) if !choices.is_empty() => Some(choices.len()),
        _ => None,
    }
}

/// Enter: details, or on in a form. It never changes the fleet: whatever lets a run go on wants typed text first.
fn open(model: &mut Model) -> Vec<Action> {
    if model.ui.popup.is_some() {
        return Vec::new();
    }
    if model.ui.prompt.is_some() {
        return submit(model);
    }
    match model.ui.view {
        View::Review => decide(model),
        View::Steps => {
            if let (Some(place), Some(_)) = (model.ui.choice, choices(model)) {
                return choose(model, place);
            }
            let (title, lines) = ("this step".to_owned(), draw::detail::full(model));
            popup(model, Popup::Text { title, lines })
        }
        View::Approvals if model.open_request().is_some() => full_text(model),
        _ => Vec::new(),
    }
}

fn choose(model: &mut Model, place: usize) -> Vec<Action> {
    let Some(state) = &model.state else { return Vec::new() };
    let Phase::Stopped { choices, .. } = &state.phase else { return Vec::new() };
    let number = place + 1;
    let expects = match choices.get(place) {
        Some(Choice::SkipStep { .. }) => return prompt(model, Purpose::Skip { number }),
        Some(Choice::Undo { step, .. }) => step.to_string(),
        Some(Choice::LookAgain) => return vec![Action::Choose { number, seen: model.head() }],
        Some(Choice::TryAgain | Choice::GoOn | Choice::EndStatement) => {
            state.step().map(ToString::to_string).unwrap_or_default()
        }
        Some(Choice::PromoteByHand | Choice::Abort) => state.opened.run.to_string(),
        None => return Vec::new(),
    };
    prompt(model, Purpose::Choose { number, expects })
}

fn submit(model: &mut Model) -> Vec<Action> {
    let seen = model.head();
    let Some(prompt) = &mut model.ui.prompt else { return Vec::new() };
    if let Some(expected) = prompt.expects().map(str::to_owned)
        && !prompt.field.says(&expected)
    {
        return wrong_word(model, &expected);
    }
    if prompt.field.is_empty() {
        model.ui.message = Some("nothing is typed yet; Esc leaves it".to_owned());
        return Vec::new();
    }
    let text = prompt.field.text().to_owned();
    // Everything but a note is signed before it counts.
    if model.viewer.who.is_none() && prompt.purpose != Purpose::Note {
        model.ui.message = Some("you are not known as an operator: only hold and note are possible".to_owned());
        return Vec::new();
    }
    let action = match prompt.purpose.clone() {
        Purpose::Answer => Action::Answer { text, seen },
        Purpose::Pick => Action::Pick { ids: text, seen },
        Purpose::Choose { number, .. } => Action::Choose { number, seen },
        Purpose::Skip { number } => Action::Skip { number, reason: text, seen },
        Purpose::Release => Action::Release { seen },
        Purpose::Abort { .. } => Action::Abort { seen },
        Purpose::Withdraw { request } => Action::Withdraw { request, reason: text },
        Purpose::Note => Action::Note { text },
    };
    model.ui.prompt = None;
    vec![action]
}

fn wrong_word(model: &mut Model, expected: &str) -> Vec<Action> {
    let Some(prompt) = &mut model.ui.prompt else { return Vec::new() };
    prompt.wrong += 1;
    prompt.field.edit(Edit::Clear);
    if prompt.wrong < WRONG_ANSWERS {
        model.ui.message = Some(format!("that is not `{expected}`; nothing was sent"));
        return Vec::new();
    }
    let asked = prompt.asks();
    model.ui.prompt = None;
    model.ui.message = Some("three wrong answers: closed, nothing was sent".to_owned());
    vec![Action::Note { text: format!("three wrong answers: {asked}") }]
}

/// Enter in a review: on to the next field; in the last one, the typed word decides.
fn decide(model: &mut Model) -> Vec<Action> {
    let Some(review) = model.review.clone() else { return Vec::new() };
    if review.focus != Focus::Decision {
        return if review.focus == Focus::Reading { Vec::new() } else { focus(model, Focus::next) };
    }
    let request = review.request.clone();
    let reason = review.reason.text().trim().to_owned();
    match review::missing(model, &review) {
        None if review.decision.says("reject") => close_review(model, Action::Reject { request, reason }),
        None => {
            let answer = review.answer.text().trim().to_owned();
            close_review(model, Action::Approve { request, answer, reason })
        }
        Some(Missing::Answer) => wrong_answer(model),
        Some(missing) => {
            model.ui.message = Some(words::missing(&missing));
            Vec::new()
        }
    }
}

fn close_review(model: &mut Model, action: Action) -> Vec<Action> {
    model.spoken.extend(model.review.take().map(|review| review.request));
    show(model, View::Approvals);
    vec![action]
}

fn wrong_answer(model: &mut Model) -> Vec<Action> {
    let Some(review) = &mut model.review else { return Vec::new() };
    review.wrong += 1;
    review.answer.edit(Edit::Clear);
    review.focus = Focus::Answer;
    if review.wrong < WRONG_ANSWERS {
        model.ui.message = Some("the answer is wrong; read what it reaches again".to_owned());
        return Vec::new();
    }
    let text = format!("three wrong answers to the question of request {}", review.request);
    model.ui.message = Some("three wrong answers: the review is closed and the journal says so".to_owned());
    close_review(model, Action::Note { text })
}

fn edit(model: &mut Model, key: &KeyEvent) {
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) && key.code != KeyCode::Char('u') {
        return;
    }
    let edit = match key.code {
        KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => Edit::Clear,
        KeyCode::Char(c) => Edit::Insert(c),
        KeyCode::Backspace => Edit::Backspace,
        KeyCode::Delete => Edit::Delete,
        KeyCode::Left => Edit::Left,
        KeyCode::Right => Edit::Right,
        KeyCode::Home => Edit::Home,
        KeyCode::End => Edit::End,
        _ => return,
    };
    let field = match (&mut model.ui.prompt, &mut model.review) {
        (Some(prompt), _) => Some(&mut prompt.field),
        (None, Some(review)) => review.field(),
        (None, None) => None,
    };
    if let Some(field) = field {
        field.edit(edit);
    }
}

impl Executor {
    /// Whether somebody works on the run.
    pub const fn works(self) -> bool {
        matches!(self, Self::Alive)
    }
}
