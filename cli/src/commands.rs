//! One file per command.

mod bridge;
mod chat;
mod decide;
mod demo;
mod dispatcher;
mod doctor;
mod export;
mod health;
mod id;
mod identity;
mod inbox;
mod invite;
mod links;
mod open;
mod peer;
mod peers;
mod policy;
mod search;
mod send;
mod shell;
mod signals;
mod status;
mod topology;
mod trust;
mod verify;

use crate::{
    args::{Args, Command, ContainerArgs, ContainerCommand},
    file::{self, File},
    settings::{self, COMMAND_FILTER, NODE_FILTER},
};

/// Runs what was typed for `causeway`.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let file = file::read(args.global.config.as_deref())?;
    // Whatever it logs must not reach the screen: it says itself where it goes.
    if let Command::Chat(chat) = args.command {
        return Box::pin(chat::run(*chat, &args.global, file)).await;
    }
    let usual = match &args.command {
        Command::Bridge(_) | Command::Peer(_) => NODE_FILTER,
        Command::Dispatcher(it) if it.command.is_none() => NODE_FILTER,
        _ => COMMAND_FILTER,
    };
    let traces = match &args.command {
        Command::Bridge(bridge) => settings::traces(args.otlp, &file, bridge),
        _ => None,
    };
    let telemetry = settings::start_telling(&args.global, &file, usual, traces.as_ref())?;
    let outcome = Box::pin(run_command(args.command, file)).await;
    telemetry.flush();
    outcome
}

/// Runs what was typed for `causeway-peer`.
pub(crate) async fn run_in_container(args: ContainerArgs) -> anyhow::Result<()> {
    let file = file::read(args.global.config.as_deref())?;
    let usual = if let ContainerCommand::Peer(_) = args.command { NODE_FILTER } else { COMMAND_FILTER };
    let telemetry = settings::start_telling(&args.global, &file, usual, None)?;
    let outcome = match args.command {
        ContainerCommand::Peer(peer) => Box::pin(peer::run(settings::peer(*peer, file.peer)?)).await,
        ContainerCommand::Health(data) => health::run(&data).await,
        ContainerCommand::Status(read) => status::run(read).await,
        ContainerCommand::Peers(read) => peers::run(read).await,
        ContainerCommand::Id(data) => id::run(&data),
    };
    telemetry.flush();
    outcome
}

async fn run_command(command: Command, file: File) -> anyhow::Result<()> {
    match command {
        Command::Chat(_) => Ok(()),
        Command::Demo(demo) => demo::run(demo).await,
        Command::Bridge(bridge) => bridge::run(settings::bridge(*bridge, file.bridge)?).await,
        Command::Peer(peer) => peer::run(settings::peer(*peer, file.peer)?).await,
        Command::Dispatcher(it) => match it.command {
            Some(command) => dispatcher::ask(command).await,
            None => dispatcher::run(settings::dispatcher(it.run, file.dispatcher)?).await,
        },
        Command::Id(data) => id::run(&data),
        Command::Identity(identity) => identity::run(&identity),
        Command::Invite(invite) => invite::invite(invite).await,
        Command::Join(join) => invite::join(join).await,
        Command::Trust(trust) => trust::run(trust.command).await,
        Command::Policy(policy) => policy::run(policy.command).await,
        Command::Link(link) => links::change(link.command).await,
        Command::Peers(read) => peers::run(read).await,
        Command::Links(read) => links::list(read).await,
        Command::Send(send) => send::run(send).await,
        Command::Inbox(inbox) => inbox::run(inbox).await,
        Command::Search(search) => search::run(search).await,
        Command::Export(export) => export::run(export).await,
        Command::Delete(delete) => decide::delete(delete).await,
        Command::Block(about) => decide::block(about, true).await,
        Command::Unblock(about) => decide::block(about, false).await,
        Command::Rename(rename) => decide::rename(rename).await,
        Command::Verify(verify) => verify::run(verify).await,
        Command::Status(read) => status::run(read).await,
        Command::Health(data) => health::run(&data).await,
        Command::Open(open) => open::run(open).await,
        Command::Topology(topology) => topology::run(topology.command).await,
        Command::Doctor(doctor) => doctor::run(doctor).await,
        Command::Completions(completions) => shell::completions(&completions),
        Command::Man(man) => shell::man(&man),
    }
}
