//! Registrations of trunks: kept up while their trunk is there, taken back when it goes or the VRU stops.
//!
//! The endpoint knows when to ask again; here a trunk that is made, changed or deleted begins and ends them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use partyline_conference::TrunkName;
use partyline_sip::auth::Credentials;
use partyline_sip::endpoint::{CallError, Registration as Wanted, RegistrationEvent};
use partyline_trunk::{Registration, Trunk};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::names;
use crate::shared::Shared;
use crate::sip::{RegistrationEvents, SipCommands, reachable};
use crate::trunks::{RegistrationState, States};

/// Until a registrar that was not found is looked for again.
const FIND_AGAIN: Duration = Duration::from_secs(30);
/// For a registrar to hear that we are going.
const GOODBYE_MAX: Duration = Duration::from_millis(1500);

/// A registration that is kept up.
struct Kept {
    registration: Registration,
    end: CancellationToken,
    task: JoinHandle<Option<()>>,
}

/// Keeps the registrations of all trunks for as long as it runs; each has a task of its own, which outlives it to say
/// goodbye.
pub(crate) async fn keep_registered(shared: Arc<Shared>, sip: SipCommands) {
    let mut known = shared.peers.current.subscribe();
    let mut kept: HashMap<TrunkName, Kept> = HashMap::new();
    loop {
        let trunks = Arc::clone(&known.borrow_and_update().trunks);
        let is_wanted = |name: &TrunkName, kept: &Kept| {
            let wanted = trunks.named(name).and_then(|trunk| trunk.registration.as_ref());
            wanted == Some(&kept.registration)
        };
        let over: Vec<(TrunkName, Kept)> = kept.extract_if(|name, kept| !is_wanted(name, kept)).collect();
        let mut ending: HashMap<TrunkName, JoinHandle<Option<()>>> = HashMap::new();
        for (name, kept) in over {
            kept.end.cancel();
            ending.insert(name, kept.task);
        }
        for trunk in trunks.iter() {
            let Some(registration) = trunk.registration.clone().filter(|_| !kept.contains_key(&trunk.name))
            else {
                continue;
            };
            let end = shared.goodbye.child_token();
            let keeping =
                keep(Arc::clone(&shared), sip.clone(), Arc::clone(trunk), registration.clone(), end.clone());
            let before = ending.remove(&trunk.name);
            let in_turn = async move {
                // One's goodbye would take back what the other asks for: both have the same Contact.
                if let Some(before) = before {
                    let _ = before.await;
                }
                keeping.await;
            };
            let task = shared.spawn(in_turn);
            kept.insert(trunk.name.clone(), Kept { registration, end, task });
        }
        if known.changed().await.is_err() {
            return;
        }
    }
}

/// One registration, until its end.
async fn keep(
    shared: Arc<Shared>,
    sip: SipCommands,
    trunk: Arc<Trunk>,
    registration: Registration,
    end: CancellationToken,
) {
    let states = &shared.peers.registrations;
    states.set(&trunk.name, Some(RegistrationState::Asking));
    let begun = end.run_until_cancelled(begin(&shared, &sip, &trunk.name, &registration)).await;
    if let Some(mut events) = begun {
        end.run_until_cancelled(follow(states, &trunk.name, &mut events)).await;
        sip.unregister(events.key).await;
        let goodbye = events.states.wait_for(|event| matches!(event, Some(RegistrationEvent::Unregistered)));
        let _ = tokio::time::timeout(GOODBYE_MAX, goodbye).await;
    }
    states.set(&trunk.name, None);
}

/// Finds the registrar and asks it for the first time; again and again until it is found.
async fn begin(
    shared: &Shared,
    sip: &SipCommands,
    name: &TrunkName,
    registration: &Registration,
) -> RegistrationEvents {
    let uri = names::uri("", &registration.registrar, registration.transport);
    let reachable = reachable(&shared.addresses);
    loop {
        let begun = match shared.locator.locate(&uri, &reachable).await {
            Ok(located) if !located.is_empty() => {
                let wanted = Wanted {
                    registrar: names::uri("", &registration.registrar, None),
                    address: format!(
                        "sip:{}@{}",
                        partyline_sip::message::escape_user(&registration.user),
                        registration.registrar.name
                    ),
                    contact_user: registration.user.clone(),
                    targets: located.iter().map(|located| located.target).collect(),
                    advertised: None,
                    server_name: located.first().map(|located| located.server_name.clone()),
                    credentials: registration.credentials.iter().map(credentials).collect(),
                    expires: registration.expires,
                    keeps_alive: true,
                };
                sip.register(wanted).await
            }
            Ok(_) | Err(_) => Err(CallError::WrongState),
        };
        match begun {
            Ok(events) => return events,
            Err(_) => {
                shared.peers.registrations.set(name, Some(RegistrationState::NotFound));
                tokio::time::sleep(FIND_AGAIN).await;
            }
        }
    }
}

fn credentials(known: &partyline_trunk::Credentials) -> Credentials {
    Credentials { username: known.user.clone(), password: known.password.reveal().to_owned(), realm: None }
}

/// Tells how it stands, until the endpoint ends.
async fn follow(states: &States, name: &TrunkName, events: &mut RegistrationEvents) {
    loop {
        let state = match &*events.states.borrow_and_update() {
            None => RegistrationState::Asking,
            Some(RegistrationEvent::Registered { target, .. }) => {
                RegistrationState::Registered(target.remote.ip().to_canonical())
            }
            Some(RegistrationEvent::Failed { status, .. }) => RegistrationState::Failed(*status),
            Some(RegistrationEvent::Unregistered) => return,
        };
        states.set(name, Some(state));
        if events.states.changed().await.is_err() {
            return;
        }
    }
}
