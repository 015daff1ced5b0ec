//! What a person decides: `causeway block`, `unblock`, `delete`, `rename`.

use std::io::{self, IsTerminal as _, Write as _};

use proto::control::v1::{DeleteConversationRequest, RenameRequest, SetBlockedRequest};
use serde_json::json;

use crate::{
    args::{About, Delete, Rename},
    client::Client,
    data::Kind,
    exit::{Failure, Fault},
    output,
};

pub(super) async fn block(args: About, blocked: bool) -> anyhow::Result<()> {
    let client = Client::connect(args.read.data.data.as_deref(), Some(Kind::Peer)).await?;
    let request = SetBlockedRequest { peer: args.peer, blocked };
    let id = output::id(&client.messenger().set_blocked(request).await?.into_inner().node_id);
    if args.read.json {
        output::object(&json!({ "id": id, "blocked": blocked }))?;
    } else if blocked {
        output::line(&format!(
            "{id} is blocked: nothing is taken from it and sent to it; it is told so when it tries"
        ))?;
    } else {
        output::line(&format!("{id} is not blocked any more"))?;
    }
    Ok(())
}

pub(super) async fn delete(args: Delete) -> anyhow::Result<()> {
    let About { peer, read } = args.about;
    let client = Client::connect(read.data.data.as_deref(), Some(Kind::Peer)).await?;
    if !args.yes && !is_sure(&peer)? {
        return Err(Fault::error(Failure::Other, "nothing was deleted"));
    }
    let request = DeleteConversationRequest { peer };
    let deleted = client.messenger().delete_conversation(request).await?.into_inner();
    let id = output::id(&deleted.node_id);
    if read.json {
        output::object(&json!({ "id": id, "messages": deleted.messages, "waiting": deleted.waiting }))?;
        return Ok(());
    }
    output::line(&format!("{} messages with {id} are left out from now on", deleted.messages))?;
    if deleted.waiting > 0 {
        output::line(&format!("{} of them wait for it and are still sent", deleted.waiting))?;
    }
    Ok(())
}

/// Asks, and says what stays where.
fn is_sure(peer: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Fault::error(Failure::Usage, "there is nobody to ask: add --yes to delete all the same"));
    }
    eprint!(
        "What was said with {peer} so far will be left out here, by the page, the screen and every command. The other \
         side keeps its copy; what waits is still sent; the bytes stay in the history's files on this disk.\nDelete? [y/N] "
    );
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub(super) async fn rename(args: Rename) -> anyhow::Result<()> {
    let client = Client::connect(args.read.data.data.as_deref(), Some(Kind::Peer)).await?;
    let request = RenameRequest { name: args.name.clone() };
    let changed = client.messenger().rename(request).await?.into_inner().changed;
    if args.read.json {
        output::object(&json!({ "name": args.name, "changed": changed }))?;
    } else if changed {
        output::line(&format!(
            "you are {} from now on; a start with another --name changes it again",
            args.name
        ))?;
    } else {
        output::line(&format!("you are {} already", args.name))?;
    }
    Ok(())
}
