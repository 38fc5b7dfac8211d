//! Settings that are valid and would let strangers in: a process refuses to start with them.

use super::Config;
use super::hosts::Host;
use super::raw::Problem;

impl Config {
    /// What keeps a process from starting, for its operator to decide. `serves` says whether it has the role `http`.
    pub fn exposures(&self, serves: bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        if serves {
            problems.extend(self.open_to_the_public());
        }
        problems
    }

    /// Others reach the service at its public URL, through a proxy on this machine or directly, and no token tells them
    /// from this machine's user.
    fn open_to_the_public(&self) -> Option<Problem> {
        let url = self.http.public_url.as_ref()?;
        let own = |host: &Host| host.is_loopback() || self.http.hosts.contains(host);
        if !self.tokens.is_empty() || self.http.allow_anonymous || url.host().as_ref().is_some_and(own) {
            return None;
        }
        Some(Problem {
            key: "http.public_url".to_owned(),
            message: format!(
                "{} can be reached by others, and no token is set: set http.token; or http.allow_anonymous = true if \
                 everybody may do everything; or add the host to http.hosts if it is a name of this machine that only \
                 its users can reach",
                url.as_str()
            ),
        })
    }
}
