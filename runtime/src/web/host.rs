//! By which names a page may be asked for.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use hyper::{HeaderMap, StatusCode, header, http::uri::Authority};

/// Refuses requests whose host is a name that somebody else may give out, or that another site's page sends. Whoever owns
/// a name can let it lead to this machine and have a browser ask here as if it were his site (DNS rebinding). An address
/// `localhost` and what is below it are nobody's (RFC 6761, section 6.3); `names` are this page's own. To be laid around
/// routes with [`axum::middleware::from_fn_with_state`].
pub async fn own_host(State(names): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    match foreign(request.headers(), &names) {
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
        None => next.run(request).await,
    }
}

/// Why a request is somebody else's.
fn foreign(headers: &HeaderMap, names: &[String]) -> Option<&'static str> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if !header(header::HOST.as_str()).is_some_and(|host| is_own(host, names)) {
        return Some("open this page by its address, such as http://127.0.0.1:30023, or as localhost\n");
    }
    // <https://www.rfc-editor.org/rfc/rfc6454#section-7>: who sends it is not from another site.
    let sender = header(header::ORIGIN.as_str());
    if sender
        .is_some_and(|origin| origin.split_once("://").map(|(_, host)| host) != header(header::HOST.as_str()))
    {
        return Some("another site's page asked for this\n");
    }
    // <https://www.w3.org/TR/fetch-metadata/>: a link may lead here from anywhere, a script or a picture may not.
    let is_foreign = matches!(header("sec-fetch-site"), Some("cross-site" | "same-site"));
    let is_link = header("sec-fetch-mode") == Some("navigate");
    (is_foreign && !is_link).then_some("another site's page asked for this\n")
}

fn is_own(host: &str, names: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().to_ascii_lowercase();
    names.contains(&name) || is_nobodys(name.trim_start_matches('[').trim_end_matches(']'))
}

fn is_nobodys(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_nobodys() {
        for host in [
            "127.0.0.1:30023",
            "localhost",
            "LOCALHOST:80",
            "[::1]:30023",
            "192.168.1.5",
            "a.localhost:20000",
        ] {
            assert!(is_own(host, &[]), "{host}");
        }
    }

    #[test]
    fn a_page_has_the_names_it_was_given() {
        let names = ["a.example.org".to_owned()];
        assert!(is_own("A.example.org:443", &names) && !is_own("b.example.org", &names));
    }

    #[test]
    fn names_are_somebodys() {
        for host in ["evil.example", "evil.example:30023", "localhost.evil.example", "127.0.0.1.nip.io", ""] {
            assert!(!is_own(host, &[]), "{host}");
        }
    }
}
