//! `causeway send`.

use std::io::Read as _;

use anyhow::Context as _;
use proto::control::v1::{DeliveryState, SendRequest};

use super::inbox;
use crate::{
    args::Send,
    client::Client,
    data::Kind,
    exit::{Failure, Fault},
    output,
};

/// What a message may hold.
const MAX_TEXT_BYTES: u64 = 64 * 1024;

pub(super) async fn run(args: Send) -> anyhow::Result<()> {
    let text = if args.text == "-" { from_stdin()? } else { args.text };
    let client = Client::connect(args.read.data.data.as_deref(), Some(Kind::Peer)).await?;
    let wait_ms = args.wait.unwrap_or(0).saturating_mul(1_000);
    let request = SendRequest { to: args.to, text, wait_ms, ..SendRequest::default() };
    let answer = client.messenger().send(request).await?.into_inner();
    let message = answer.message.context("the node's answer holds no message; is it another version?")?;
    if args.read.json {
        output::object(&inbox::as_json(&message))?;
    } else {
        output::line(&inbox::state_line(&message))?;
    }
    if message.state() == DeliveryState::Refused {
        let sentence = format!("refused: {}", output::harmless(&message.reason));
        return Err(Fault::error(Failure::Other, sentence));
    }
    let there = matches!(message.state(), DeliveryState::AtPeer | DeliveryState::Read);
    if args.wait.is_some() && !there {
        let seconds = wait_ms / 1_000;
        let sentence =
            format!("not delivered within {seconds} s; it is stored, and sent as soon as possible");
        return Err(Fault::error(Failure::NotDelivered, sentence));
    }
    Ok(())
}

/// All of it, or an error: a text that is cut is another text.
fn from_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let source = std::io::stdin().lock();
    // One more than fits, and the line end that most programs write behind it.
    source
        .take(MAX_TEXT_BYTES + 2)
        .read_to_end(&mut bytes)
        .context("cannot read the text from standard input")?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        let sentence = format!("the text has more than {MAX_TEXT_BYTES} bytes; send it in parts");
        return Err(Fault::error(Failure::Usage, sentence));
    }
    String::from_utf8(bytes).map_err(|_| Fault::error(Failure::Usage, "the text is not UTF-8"))
}
