//! What Docker says, as sentences that say what to do.

use bollard::errors::Error;

/// There is no such thing.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Somebody was faster: to be read again and retried.
pub(super) fn is_outrun(error: &Error) -> bool {
    let Error::DockerResponseServerError { status_code, message } = error else { return false };
    *status_code == 409 || message.contains("out of sequence") || message.contains("name conflicts")
}

pub(super) fn sentence(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => refused(message),
        Error::RequestTimeoutError => "Docker does not answer in time; is its machine overloaded?".into(),
        Error::SocketNotFoundError(socket) => {
            format!("there is no Docker at {socket}; start it, or name its socket in DOCKER_HOST")
        }
        error => {
            let why = causes(error);
            format!("Docker cannot be reached ({why}); start it, or let this user open its socket")
        }
    }
}

/// What Docker answered, or why it did not start a task.
pub(super) fn refused(message: &str) -> String {
    let told = message.trim().trim_end_matches('.');
    let says = |part: &str| told.to_ascii_lowercase().contains(part);
    let advice = if says("swarm manager") {
        "run `docker swarm init` on its machine"
    } else if says("no such image") || says("pull access denied") || says("manifest unknown") {
        "build the image on that machine (deploy/image), or name another one with --image"
    } else if says("network") && says("not found") {
        "make it with `docker network create --driver overlay --attachable NAME`, or name another one with --overlay"
    } else if says("no space left") {
        "free space on the disk of Docker, or remove peers"
    } else if says("no suitable node") {
        "the machine of this dispatcher must be an active node of the swarm"
    } else {
        return format!("Docker says: {told}");
    };
    format!("Docker says: {told}; {advice}")
}

fn causes(error: &Error) -> String {
    let mut whole = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let part = next.to_string();
        if !whole.contains(&part) {
            whole = format!("{whole}: {part}");
        }
        cause = next.source();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_something_about_says_what() {
        let advice = [
            ("This node is not a swarm manager. Use \"docker swarm init\"", "run `docker swarm init`"),
            ("No such image: causeway:latest", "deploy/image"),
            ("network people not found", "--overlay"),
            ("mkdir /var/lib/docker/volumes/x: no space left on device", "free space"),
            ("no suitable node (scheduling constraints not satisfied on 1 node)", "active node"),
        ];
        for (told, advised) in advice {
            let sentence = refused(told);
            assert!(sentence.contains(advised), "{sentence}");
        }
        assert_eq!(refused("whatever."), "Docker says: whatever");
    }

    #[test]
    fn a_version_that_is_behind_is_read_again() {
        let answer = |status_code, message: &str| Error::DockerResponseServerError {
            status_code,
            message: message.to_owned(),
        };
        assert!(is_outrun(&answer(500, "rpc error: code = Unknown desc = update out of sequence")));
        assert!(is_outrun(&answer(409, "rpc error: name conflicts with an existing object")));
        assert!(!is_outrun(&answer(404, "service x not found")) && is_missing(&answer(404, "")));
    }
}
